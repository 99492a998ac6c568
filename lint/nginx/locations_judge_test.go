package nginx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/source"
	"fpmlint/testdata/live"
)

// TestSameLocations puts each two locations into one server, and into one location: nginx and
// SameLocations refuse the same pairs.
func TestSameLocations(t *testing.T) {
	live.Nginx(t)
	kinds := []string{"/a", "= /a", "=/a", "^~ /a", "^~/a", `"/a"`, "~ /a", "~* /a", "@a", "/a/", "/A", "/ab"}
	for i, one := range kinds {
		for _, two := range kinds[i:] {
			for _, around := range []string{"@@", "location / { @@ }"} {
				if strings.Contains(one+two, "@") && around != "@@" {
					continue // a named location stands in a server
				}
				text := "events {}\nhttp { server { listen 127.0.0.1:1; " + strings.Replace(around, "@@", "location "+one+" { }\nlocation "+two+" { }", 1) + " } }\n"
				dir := t.TempDir()
				conf := filepath.Join(dir, "nginx.conf")
				if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				out, failed := live.NginxTest(t, dir, conf)
				refused := strings.Contains(out, "duplicate location")
				if failed && !refused {
					t.Fatalf("%s: %s", text, out)
				}
				c := LoadFile(source.Memory("-", nil), source.NewFile("/nginx.conf", []byte(text)), Options{})
				if same := len(c.SameLocations()) > 0; same != refused {
					t.Errorf("%s\nnginx: %s\nhere the same: %v", text, out, same)
				}
			}
		}
	}
}

// TestManySameLocations finds what stands twice among many, wherever it does.
func TestManySameLocations(t *testing.T) {
	text := "events {}\nhttp { server {\n"
	for i := range 60 {
		text += fmt.Sprintf("location /%d { }\n", i)
	}
	text += "location /3 { }\nlocation ^~ /50 { }\nlocation = /51 { }\n} }\n"
	c := LoadFile(source.Memory("-", nil), source.NewFile("/nginx.conf", []byte(text)), Options{})
	var got []string
	for _, l := range c.SameLocations() {
		got = append(got, fmt.Sprint(l.Path, " ", l.First.Span().Position().Line, " ", l.Second.Span().Position().Line))
	}
	if diff := cmp.Diff([]string{"/3 6 63", "/50 53 64"}, got); diff != "" {
		t.Error(diff)
	}
}
