// Package spell finds the word that a misspelled one was likely meant to be.
package spell

import (
	"fmt"
	"strings"
)

// Hint is `; did you mean "WORD"?` with the nearest of the known words, "" where none is near.
func Hint(word string, known []string) string {
	best := Nearest(strings.TrimLeft(word, "-"), known, max(2, len(word)/2)-1)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Nearest is the known word that fewest edits make of a word, "" where that takes more than most.
func Nearest(word string, known []string, most int) string {
	best, at := "", most+1
	for _, k := range known {
		if d := distance(word, k); d < at {
			best, at = k, d
		}
	}
	return best
}

// maxWord bounds the words that are compared, in bytes: the work is quadratic.
const maxWord = 64

// distance counts the single-byte edits between two words.
func distance(a, b string) int {
	if len(a) > maxWord {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
