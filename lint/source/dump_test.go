package source

import (
	"strings"
	"testing"
)

func TestDump(t *testing.T) {
	for _, c := range []struct {
		name, text, main string
		files            map[string]string
	}{
		{
			"as nginx writes it",
			"# configuration file /etc/nginx/nginx.conf:\nevents {}\n\n# configuration file /etc/nginx/mime.types:\ntypes {}\n\n",
			"/etc/nginx/nginx.conf",
			map[string]string{"/etc/nginx/nginx.conf": "events {}\n", "/etc/nginx/mime.types": "types {}\n"},
		},
		{
			"files without a final newline",
			"# configuration file /a:\na;\n# configuration file /b:\nb;\n",
			"/a", map[string]string{"/a": "a;", "/b": "b;"},
		},
		{
			"with the messages of standard error before it",
			"nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: configuration file /etc/nginx/nginx.conf test is successful\n# configuration file /a:\na;\n\n",
			"/a", map[string]string{"/a": "a;\n"},
		},
		{
			"CRLF", "# configuration file /a:\r\na;\r\n\r\n# configuration file /b:\r\nb;\r\n", "/a",
			map[string]string{"/a": "a;\r\n\r", "/b": "b;\r"},
		},
		{"an empty file", "# configuration file /a:\n\n# configuration file /b:\nb;\n\n", "/a", map[string]string{"/a": "", "/b": "b;\n"}},
		{"an odd path", "# configuration file /etc//nginx/./x y:z:\na;\n\n", "/etc/nginx/x y:z", map[string]string{"/etc/nginx/x y:z": "a;\n"}},
		{
			"what only looks like a header", "# configuration file /a:\n  # configuration file /b:\n# configuration file c:\n# configuration file /d\n# configuration file /:x\n\n", "/a",
			map[string]string{"/a": "  # configuration file /b:\n# configuration file c:\n# configuration file /d\n# configuration file /:x\n"},
		},
		{"a name twice", "# configuration file /a:\nfirst;\n\n# configuration file /a:\nsecond;\n\n", "/a", map[string]string{"/a": "first;\n"}},
		{"cut short", "# configuration file /a:\na;\n\n# configuration file /b", "/a", map[string]string{"/a": "a;\n\n# configuration file /b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !IsDump([]byte(c.text)) {
				t.Fatal("is not taken for a dump")
			}
			r, main, err := Dump("-", strings.NewReader(c.text))
			if err != nil || main != c.main {
				t.Fatalf("main is %q, %v", main, err)
			}
			for name, want := range c.files {
				if got := text(t, r, name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if got, _ := r.Glob("/*"); len(c.files) == 2 && c.files["/b"] != "" && len(got) != 2 {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestNoDump(t *testing.T) {
	for _, text := range []string{"", "events {}\n", "# configuration file /a:", "x # configuration file /a:\n", "nginx: [emerg] unknown directive \"x\" in /etc/nginx/nginx.conf:1\n"} {
		if IsDump([]byte(text)) {
			t.Errorf("%q is taken for a dump", text)
		}
		if _, _, err := Dump("-", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "nginx -T") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzDump looks for panics and for bytes that no file of the dump holds.
func FuzzDump(f *testing.F) {
	for _, s := range []string{"", "# configuration file /a:\n", "# configuration file /a:\na;\n\n# configuration file /a/b:\nb;\n", "# configuration file /:\n\n", "# configuration file /a:\r\n# configuration file /../b:\n#"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, main, err := Dump("-", strings.NewReader(string(data)))
		if (err == nil) != IsDump(data) {
			t.Fatalf("%q: %v", data, err)
		}
		if err != nil {
			return
		}
		if !strings.HasPrefix(main, "/") || r.Display(main) != main {
			t.Fatalf("%q: main is %q", data, main)
		}
		if f, err := r.Read(main); err == nil && !strings.Contains(string(data), string(f.Data)) {
			t.Fatalf("%q: %s holds %q", data, main, f.Data)
		}
	})
}
