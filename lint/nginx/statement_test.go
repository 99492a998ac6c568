package nginx

import (
	"testing"

	"fpmlint/lint/source"
)

func TestText(t *testing.T) {
	for written, want := range map[string]string{
		"a;":             "",
		"a b;":           "b",
		"a b c d;":       "b c d",
		"a b  c;":        "b c",
		"a b\tc;":        "b c",
		"a b\n  c;":      "b c",
		"a 'b' \"c d\";": "b c d",
		`a b\"c d;`:      `b"c d`,
		"a b 'c';":       "b c",
		"a b '';":        "b ",
		"a '' b;":        " b",
		"a b #c\n d;":    "b d",
	} {
		f := Parse(&source.File{Data: []byte(written)})
		if len(f.Statements) != 1 || f.Statements[0].text() != want {
			t.Errorf("%q: %+v, want %q", written, f.Statements, want)
		}
	}
}
