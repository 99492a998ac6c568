package fpm

import (
	"os"
	"strings"
	"sync"
	"testing"

	"fpmlint/lint/source"
)

const poolText = "[www]\nlisten = 9000\npm = static\npm.max_children = 1\n"

// poolWith reads one pool that has more lines, beside php.ini and the files of conf.d.
func poolWith(t *testing.T, lines string, ini map[string]string) *Pool {
	t.Helper()
	files := map[string]string{"/etc/fpm.conf": poolText + lines, "/bin/sh": ""}
	for name, content := range ini {
		files["/etc/php/"+name] = content
	}
	m, err := Load(source.Memory("test", files), "/etc/fpm.conf", Options{Version: "8.2", IniFile: "/etc/php/php.ini", IniDir: "/etc/php/conf.d"})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Problems) > 0 || len(m.Pools) != 1 {
		t.Fatalf("%d pools, problems %v", len(m.Pools), m.Problems)
	}
	return m.Pools[0]
}

func TestIni(t *testing.T) {
	const name = "memory_limit"
	for _, c := range []struct {
		title, lines string
		ini          map[string]string
		want, at     string // value, and file:line of the span
	}{
		{"default", "", nil, "128M", ""},
		{"php.ini", "", map[string]string{"php.ini": "[PHP]\nmemory_limit = 64M ; less\n"}, "64M", "/etc/php/php.ini:2"},
		{"last line", "", map[string]string{"php.ini": "memory_limit = 64M\nmemory_limit = \"96M\"\n"}, "96M", "/etc/php/php.ini:2"},
		{"conf.d", "", map[string]string{"php.ini": "memory_limit = 64M\n", "conf.d/99-b.ini": "memory_limit = 2M", "conf.d/20-a.ini": "memory_limit = 1M"}, "2M", "/etc/php/conf.d/99-b.ini:1"},
		{"conf.d alone", "", map[string]string{"conf.d/b.ini": "memory_limit = 2M"}, "2M", "/etc/php/conf.d/b.ini:1"},
		{"other endings", "", map[string]string{"conf.d/b.ini.bak": "memory_limit = 2M", "conf.d/b.conf": "memory_limit = 2M", "conf.d/c.ini/x": ""}, "128M", ""},
		{"hidden", "", map[string]string{"conf.d/.b.ini": "memory_limit = 2M"}, "2M", "/etc/php/conf.d/.b.ini:1"},
		{"php_value", "php_value[memory_limit] = 32M\n", map[string]string{"php.ini": "memory_limit = 64M\n"}, "32M", "/etc/fpm.conf:5"},
		{"first in pool", "php_value[memory_limit] = 32M\nphp_value[memory_limit] = 33M\n", nil, "32M", "/etc/fpm.conf:5"},
		{"admin", "php_value[memory_limit] = 32M\nphp_admin_value[memory_limit] = 33M\nphp_admin_value[memory_limit] = 34M\n", nil, "33M", "/etc/fpm.conf:6"},
		{"flag of one kind", "php_flag[memory_limit] = on\nphp_value[memory_limit] = 33M\n", nil, "1", "/etc/fpm.conf:5"},
		{"case in the pool", "php_value[Memory_Limit] = 32M\n", nil, "128M", ""},
		{"pool's name", "php_value[memory_limit] = $pool\n", nil, "www", "/etc/fpm.conf:5"},
	} {
		t.Run(c.title, func(t *testing.T) {
			s := poolWith(t, c.lines, c.ini).Ini(name)
			if s.Text != c.want || s.IsDefault != (c.at == "") || s.Unknown != "" {
				t.Errorf("Ini = %+v, want %q", s, c.want)
			}
			if c.at == "" {
				if !s.Span.IsZero() || s.Entry != nil {
					t.Errorf("a default has span %v and entry %v", s.Span, s.Entry)
				}
				return
			}
			if got := s.Span.File.Path + ":" + string(rune('0'+s.Span.Position().Line)); got != c.at {
				t.Errorf("it is set at %s, want %s", got, c.at)
			}
			if got := strings.NewReplacer(`"`, "", "$pool", "www", "on", "1").Replace(s.Span.Text()); got != c.want {
				t.Errorf("the span covers %q", s.Span.Text())
			}
		})
	}
}

func TestIniDefaults(t *testing.T) {
	p := poolWith(t, "", nil)
	for name, want := range map[string]string{"memory_limit": "128M", "max_execution_time": "30", "opcache.enable": "1", "xdebug.mode": ""} {
		if s := p.Ini(name); s.Text != want || !s.IsDefault {
			t.Errorf("%s = %+v, want %q", name, s, want)
		}
	}
}

// What php.ini says is unknown where it cannot be read, or is not among a few files of a server.
func TestIniUnknown(t *testing.T) {
	load := func(root *source.Root, o Options) *Pool {
		t.Helper()
		m, err := Load(root, "/etc/fpm.conf", o)
		if err != nil {
			t.Fatal(err)
		}
		return m.Pools[0]
	}
	text := poolText + "php_value[post_max_size] = 1M\n"
	in := Options{IniFile: "/etc/php.ini", IniDir: "/etc/php.d"}
	for name, c := range map[string]struct {
		root    *source.Root
		options Options
		unknown string
	}{
		"place unknown": {treeOf(t, map[string]string{"etc/fpm.conf": text}), Options{}, "the place of php.ini is unknown"},
		"not here":      {treeOf(t, map[string]string{"etc/fpm.conf": text}), in, "/etc/php.ini is not here"},
		"a directory":   {treeOf(t, map[string]string{"etc/fpm.conf": text, "etc/php.ini/x": "", "bin/sh": ""}), in, "is a directory"},
		"system":        {treeOf(t, map[string]string{"etc/fpm.conf": text, "bin/sh": ""}), in, ""},
		"conf.d here":   {treeOf(t, map[string]string{"etc/fpm.conf": text, "etc/php.d/a.ini": "a = b\n"}), in, ""},
	} {
		p := load(c.root, c.options)
		s := p.Ini("memory_limit")
		if !s.IsDefault || (s.Unknown == "") != (c.unknown == "") || !strings.Contains(s.Unknown, c.unknown) {
			t.Errorf("%s: %+v, want unknown %q", name, s, c.unknown)
		}
		if s := p.Ini("post_max_size"); s.Text != "1M" || s.Unknown != "" {
			t.Errorf("%s: the pool's own setting is %+v", name, s)
		}
	}
	if os.Getuid() == 0 {
		return // root can read it
	}
	root := treeOf(t, map[string]string{"etc/fpm.conf": text, "etc/php.ini": "memory_limit = 1M\n"})
	if err := os.Chmod(root.Name+"/etc/php.ini", 0); err != nil {
		t.Fatal(err)
	}
	if s := load(root, in).Ini("memory_limit"); !strings.Contains(s.Unknown, "permission denied") {
		t.Errorf("an unreadable php.ini: %+v", s)
	}
}

func TestIniEnvironment(t *testing.T) {
	p := poolWith(t, "", map[string]string{"php.ini": "memory_limit = ${LIMIT}\nerror_reporting = E_ALL & ~E_NOTICE\n"})
	for _, name := range []string{"memory_limit", "error_reporting"} {
		if s := p.Ini(name); s.Unknown == "" {
			t.Errorf("%s = %+v is known", name, s)
		}
	}
}

func TestExtensions(t *testing.T) {
	p := poolWith(t, "", map[string]string{
		"php.ini":             "extension=curl\n;extension=ftp\n#zend_extension=not\n[PATH=/srv]\nextension=limited\nmemory_limit=1M\n[PHP]\nZend_Extension = opcache.so\n",
		"conf.d/20-debug.ini": "zend_extension=xdebug.so\nxdebug.mode=off\n",
	})
	var got []string
	for _, e := range p.Master.Extensions() {
		got = append(got, e.Key+" "+e.Value)
	}
	if want := "extension curl, zend_extension opcache.so, zend_extension xdebug.so"; strings.Join(got, ", ") != want {
		t.Errorf("extensions are %q, want %q", got, want)
	}
	if e, ok := p.Master.IniSetting("xdebug.mode"); !ok || e.Value != "" {
		t.Errorf("xdebug.mode is %+v, %v", e, ok)
	}
	if s := p.Ini("memory_limit"); !s.IsDefault {
		t.Errorf("a setting for one path counts everywhere: %+v", s)
	}
}

func TestIniConcurrently(t *testing.T) {
	p := poolWith(t, "", map[string]string{"php.ini": "memory_limit = 64M\nextension=a\n"})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if s := p.Ini("memory_limit"); s.Text != "64M" {
				t.Errorf("memory_limit is %q", s.Text)
			}
			if n := len(p.Master.Extensions()); n != 1 {
				t.Errorf("%d extensions", n)
			}
		})
	}
	group.Wait()
}

func FuzzIni(f *testing.F) {
	f.Add("memory_limit = 64M\n[PATH=/x]\nmemory_limit=1M\nextension=a")
	f.Add("a = \"x\nmemory_limit = 1M\n\\\"\n\"\nmemory_limit = 2M\n[HOST")
	f.Add("\ufeff[PHP]\r\nmemory_limit = ${X:-1}\r\n(")
	f.Fuzz(func(t *testing.T, text string) {
		file := source.NewFile("/php.ini", []byte(text))
		i := &phpIni{last: map[string]*Entry{}}
		i.read(file, "8.2")
		for name, e := range i.last {
			if e.KeySpan.Text() != name || e.Index != "" || e.ValueSpan.End > len(text) {
				t.Errorf("%q: %+v", name, e)
			}
		}
		for _, e := range i.extensions {
			if !strings.HasSuffix(strings.ToLower(e.KeySpan.Text()), "extension") {
				t.Errorf("an extension is %+v", e)
			}
		}
	})
}
