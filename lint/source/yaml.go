package source

import "bytes"

// MaxYAMLNesting and MaxYAMLLine bound the brackets and the bytes of a line of YAML: the parser's
// work is quadratic in both, and people write neither.
const (
	MaxYAMLNesting = 32
	MaxYAMLLine    = 1000
)

// Tangled is the first line of YAML that nests too deep in brackets, or is too long; 0 where there
// is none.
func Tangled(data []byte) int {
	depth, n := 0, 0
	for line := range bytes.Lines(data) {
		n++
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
		}
		if depth > MaxYAMLNesting || len(line) > MaxYAMLLine {
			return n
		}
	}
	return 0
}
