// Package lazy makes what most runs do not need when it is first asked for: to compile all regular
// expressions at the start would take longer than to read a small stack.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp is a regular expression that is compiled when it is first used.
func Regexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
