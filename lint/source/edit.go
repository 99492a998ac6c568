package source

// Edit replaces the bytes of a span by a text. An empty span inserts.
type Edit struct {
	Span    Span
	NewText string
}
