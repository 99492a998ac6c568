package nginx

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/source"
)

func parse(text string) *File { return Parse(source.NewFile("/nginx.conf", []byte(text))) }

// outline writes statements as a reader would: name[arg][arg] and braces.
func outline(list []*Statement) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s.Name)
		for _, a := range s.Args {
			b.WriteString("[" + a.Value + "]")
		}
		if s.IsBlock() {
			b.WriteString("{" + outline(s.Block) + "}")
		}
	}
	return b.String()
}

// TestTokens holds the scanner to nginx's reading of tokens, also where gonginx reads otherwise.
func TestTokens(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"quotes", `log_format main '$remote_addr "q"' "a";`, `log_format[main][$remote_addr "q"][a]`},
		{"escaped quote", `a "x\"y" 'x\'y';`, `a[x"y][x'y]`},
		{"backslash pair before the quote", `if ($a ~* "a\\\\") {}`, `if[($a][~*][a\\][)]{}`},
		{"escapes outside quotes", `a e\;f \{ \ ;`, `a[e\;f][\{][\ ]`},
		{"known escapes", `a "t\tn\nr\r" \d+;`, "a[t\tn\nr\r][\\d+]"},
		{"brace within a token", `fastcgi_param A b};`, `fastcgi_param[A][b}]`},
		{"hash within a token", `a b#c;`, `a[b#c]`},
		{"quote within a token", `a a"b;`, `a[a"b]`},
		{"variable in braces", `a ${b}c;`, `a[${b}c]`},
		{"comments between arguments", "a # x; {\n b;", `a[b]`},
		{"over lines", "a\n\tb\r\n  c\n;", `a[b][c]`},
		{"text over lines", "a 'x\ny';", "a[x\ny]"},
		{"bracket after a quote", `if ($a = "b") { return 1; }`, `if[($a][=][b][)]{return[1]}`},
		{"lua", `set_by_lua_block $a { if x then return "}" end -- }` + "\n" + `local s = [[ } ]] } b;`, `set_by_lua_block[$a]{} b`},
		{"lua with braces", `content_by_lua_block { local t = { a = '{' } } b;`, `content_by_lua_block{} b`},
		{"no final newline", `a b;`, `a[b]`},
		{"empty argument", `map $a $b { "" x; }`, `map[$a][$b]{[x]}`},
		{"order in http", `http { server { listen 1; } root x; }`, `http{server{listen[1]} root[x]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := parse(c.text)
			if len(f.Problems) > 0 {
				t.Fatal(f.Problems[0].Message)
			}
			if diff := cmp.Diff(c.want, outline(f.Statements)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if f.Differs() != "" {
				t.Errorf("gonginx: %s", f.Differs())
			}
		})
	}
}

// TestPositions holds spans to the byte.
func TestPositions(t *testing.T) {
	text := "http {\r\n\tserver  'a b'  \"c\";\r\n\tlocation /x { root\r\n\t\t/y; }\r\n}"
	f := parse(text)
	server, location := f.Statements[0].Block[0], f.Statements[0].Block[1]
	for _, c := range []struct {
		span       source.Span
		text       string
		line, col  int
		eline, end int
	}{
		{f.Statements[0].Span(), "http {", 1, 1, 1, 7},
		{server.Span(), `server  'a b'  "c";`, 2, 2, 2, 21},
		{server.ArgSpan(0), `'a b'`, 2, 10, 2, 15},
		{server.ArgSpan(1), `"c"`, 2, 17, 2, 20},
		{location.Span(), `location /x {`, 3, 2, 3, 15},
		{location.Block[0].Span(), "root\r\n\t\t/y;", 3, 16, 4, 6},
		{location.Block[0].ArgSpan(0), "/y", 4, 3, 4, 5},
	} {
		p, e := c.span.Position(), c.span.EndPosition()
		if c.span.Text() != c.text || p.Line != c.line || p.Column != c.col || e.Line != c.eline || e.Column != c.end {
			t.Errorf("%q at %d:%d to %d:%d, want %q at %d:%d to %d:%d", c.span.Text(), p.Line, p.Column, e.Line, e.Column, c.text, c.line, c.col, c.eline, c.end)
		}
	}
	if int(f.Statements[0].End) != len(text) {
		t.Errorf("http ends at %d, want %d", f.Statements[0].End, len(text))
	}
}

// FuzzParse looks for panics, spans out of place, and readings that gonginx does not share.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a b;", "http { server { listen 80; } }", `a "b\"c" 'd' ${e}f \;;`, "a # b\n;", "}", "{", ";", `"x"y;`, "a {",
		"x_by_lua_block { [[ } ]] -- }\n}", "\xef\xbb\xbfa;", "a \xff\x00;", "if ($a = \"b\") {}", "map $a $b { ~*^x{2} y; }", "a{\"\\",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := Parse(source.NewFile("/f", data))
		at := int32(0)
		var walk func(list []*Statement, end int32)
		walk = func(list []*Statement, end int32) {
			for _, s := range list {
				if s.Start < at || s.NameEnd < s.Start || s.End > end || s.End < s.NameEnd {
					t.Fatalf("%q: statement %s at %d-%d after %d within %d", data, s.Name, s.Start, s.End, at, end)
				}
				at = s.NameEnd
				for _, a := range s.Args {
					if a.Start < at || a.End() < a.Start || a.End() > s.End {
						t.Fatalf("%q: argument %q at %d-%d", data, a.Value, a.Start, a.End())
					}
					at = a.End()
				}
				walk(s.Block, s.End)
				at = s.End
			}
		}
		walk(p.Statements, int32(len(data)))
		if len(p.Problems) == 0 && p.Differs() != "" {
			t.Fatalf("%q: %s", data, p.Differs())
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(strings.Repeat("server {\n    listen 80;\n    server_name example.com www.example.com;\n    # a comment\n    location ~ \\.php$ {\n        fastcgi_pass unix:/run/php/php8.2-fpm.sock;\n        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n    }\n}\n", 1000))
	b.SetBytes(int64(len(text)))
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			(&File{Source: source.NewFile("/f", text)}).scan()
		}
	})
	b.Run("scan and gonginx", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			Parse(source.NewFile("/f", text))
		}
	})
}
