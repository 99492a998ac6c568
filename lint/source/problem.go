package source

// Kind tells what sort of fault a reader met.
type Kind int

// The kinds of Problem.
const (
	// Syntax is what the daemon's own grammar refuses.
	Syntax Kind = iota
	// Invalid is what the daemon refuses although its grammar allows it: an unknown key, a bad value.
	Invalid
	// Unread is an include that is not there or cannot be read. It makes the configuration
	// incomplete: what is absent from it may stand in the part that was not read.
	Unread
	// Denied is an include that fpmlint cannot read although the daemon may: its mode is against
	// it, or its size. It makes the configuration incomplete, too.
	Denied
	// HashComment is a line that begins with #, which PHP 7 took out of its INI grammar.
	HashComment
	// Limit is a bound of fpmlint's own: a cycle of includes, nesting too deep, a file too large.
	Limit
	// Template is a file that is filled in before a daemon reads it. Nothing of it is read.
	Template
)

// Problem is a fault that a reader met. The reader goes on after it where it can.
type Problem struct {
	Kind    Kind
	Message string // one sentence; a daemon's own words where it has some
	Span    Span
	Related []Related
	// Edits mend the problem, where that can be done without a choice; they may insert several times
	// at one place.
	Edits []Edit
}

// Related is a second place that explains a first one.
type Related struct {
	Span    Span
	Message string
}
