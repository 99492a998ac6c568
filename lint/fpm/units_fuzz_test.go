package fpm

import (
	"strings"
	"testing"

	"fpmlint/lint/source"
)

// FuzzSeconds holds times and modes to what FPM's arithmetic can give.
func FuzzSeconds(f *testing.F) {
	for _, s := range []string{"", "30", "500ms", "1.5m", "2h", "1d", "-1", " 7s", "99999999999999d", "0660", "8", "0777777777777777777"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := ParseSeconds(s)
		if n < 0 && !strings.Contains(s, "-") {
			t.Errorf("%q is %d seconds", s, n)
		}
		if ParseSeconds(s+"m") != 60*atoi(s) || ParseSeconds(s+"h") != 60*ParseSeconds(s+"m") {
			t.Errorf("%q: %d with m, %d with h", s, ParseSeconds(s+"m"), ParseSeconds(s+"h"))
		}
		if mode := ParseMode(s); mode > 1<<32 || mode > 0 && (s[0] < '0' || s[0] > '7') {
			t.Errorf("%q is mode %o", s, mode)
		}
	})
}

// plainText are the bytes of lines that every reader of INI files takes alike.
const plainText = "abcxyz019_./ =[]\n\r\t"

// FuzzPair reads plain files with ini.v1 too: where neither complains, both find the same.
func FuzzPair(f *testing.F) {
	f.Add([]byte("[a]\nx = 1\ny=z\n[b]\nx = 2\nx = 0\n"))
	f.Add([]byte("[a]\r\nx = 1\r\n\r\na.b[c] = z\r\n[a]\nx=9"))
	f.Add([]byte("x=\n[]\n=1\n[a] x = 1\n[a.b]\nc =  d e \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range data {
			if strings.IndexByte(plainText, c) < 0 {
				return
			}
		}
		file := source.NewFile("/f", data)
		plain, headers := true, map[string]bool{}
		scan(file, false, func(l line) bool {
			switch {
			case l.problem != nil, l.entry != nil && (l.entry.Key == "" || l.entry.Index != "" || strings.ContainsAny(l.entry.ValueSpan.Text(), "=[]\r")):
				plain = false
			case !l.header.IsZero():
				// A name twice, or with a header's brackets and spaces, or an entry behind it on
				// the line is read otherwise by ini.v1.
				text, start := file.Line(l.header.Position().Line)
				behind := string(text[l.header.End-start:])
				plain = plain && l.section != "" && !headers[l.section] && l.header.Text() == "["+l.section+"]" && !strings.ContainsAny(l.section, "[]\r\t") && strings.TrimSpace(behind) == ""
				headers[l.section] = true
			}
			return plain
		})
		if plain && !strings.Contains(string(data), "\r") {
			if why := pair(file, false); why != "" {
				t.Errorf("%q: %s", data, why)
			}
		}
	})
}
