package nginx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fpmlint/testdata/live"
)

// patterns are regular expressions for nginx. Those of unsure are refused, for reasons that are not looked for.
var (
	patterns = strings.Fields(`\.php$ \.(gif|jpe?g|png)$ ^/(a|b)/.+\.php(/|$) ( (a a) ) (a)) * *\.php$ +a ?a a** a++ a*? a?? a+? a|*b (|a) (?:a (?:a) (?i)a (?i)*a (?<n>a) (?P<n>a)
		(?'n'a) (?=a)b (?!a)b (?<=a)b (?<!a)b (?>a+)b [ [a [a-z [] []a] [^]a] [^] [[:alpha:]] [[:alpha:]/]+ [\]] [\] [a]] a{2} a{2,} a{2,3}? a{x} a{ a} \( \) \[ \*
		   (a)+ (a)++ (a|b)?c [*+?]+ (?:)* (())* ((a) (a))) [(] [)] (?i:a)* (?-i)a \d+ \.* ^/wp-(?:login|admin/.*)\.php$ ^(.+\.php)(/.+)$ ^(?<script>.+\.php)(?<path>/.*)?$
		~ ^~ a(?i)b (?#c)a (?x)a#( \Qa(\E .* .+* a.?*`)
	unsure = strings.Fields(`(a)(?1)* (a)(?-1)+ [z-a] [[:foo:]] \1 (a)\2 x{3,1} (?P<x (?'x (*a) {2} x{2}* (?<1>a) a*+* (*b) x{2}{3} a\ ^*a $?a \b+a`)
)

// TestPatterns gives regular expressions to nginx -t and to badPattern.
func TestPatterns(t *testing.T) {
	live.Nginx(t)
	for i, p := range append(patterns, unsure...) {
		dir := t.TempDir()
		conf := filepath.Join(dir, "nginx.conf")
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p)
		text := "events {}\nhttp { server { listen 127.0.0.1:1; location ~ \"" + quoted + "\" { } } }\n"
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, failed := live.NginxTest(t, dir, conf)
		refused := strings.Contains(out, "_compile() failed")
		if failed && !refused {
			t.Fatalf("%s: %s", p, out)
		}
		why := badPattern(p)
		switch {
		case why != "" && !refused:
			t.Errorf("nginx takes %s; here: %s", p, why)
		case why == "" && refused && i < len(patterns):
			t.Errorf("nginx refuses %s: %s", p, out)
		}
	}
}
