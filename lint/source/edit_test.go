package source

import "testing"

func TestLineEnding(t *testing.T) {
	for _, c := range []struct {
		name, text string
		at         int
		want       string
	}{
		{"empty file", "", 0, "\n"},
		{"no line end at all", "abc", 1, "\n"},
		{"LF", "a\nb", 0, "\n"},
		{"CRLF", "a\r\nb\r\n", 1, "\r\n"},
		{"the line's own counts", "a\r\nb\nc\r\n", 3, "\n"},
		{"a last line without one has that of the line before", "a\r\nb", 3, "\r\n"},
		{"the same for LF", "a\r\nb\nc", 6, "\n"},
	} {
		if got := NewFile("/f", []byte(c.text)).LineEnding(c.at); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestCommented(t *testing.T) {
	text := "#one 1\nx #one 2\n\t # one 3\n##one 4\n# two one 5\n;one 6\n#one"
	var got []string
	for line, rest := range Commented([]byte(text), '#', "one") {
		got = append(got, text[line:line+1]+"|"+string(rest[:min(2, len(rest))]))
	}
	want := []string{"#| 1", "\t| 3", "#|"}
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}
