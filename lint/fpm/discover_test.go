package fpm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fpmlint/lint/source"
	"fpmlint/testdata/live"
)

// tree makes a root of empty files; "a -> b" is a link.
func tree(t *testing.T, names ...string) *source.Root {
	t.Helper()
	files := map[string]string{}
	for _, n := range names {
		files[n] = ""
	}
	return treeOf(t, files)
}

// treeOf makes a root of files; the content of a link begins with "-> ".
func treeOf(t *testing.T, files map[string]string) *source.Root {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(content) > 3 && content[:3] == "-> " {
			err = os.Symlink(content[3:], p)
		} else {
			err = os.WriteFile(p, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := source.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestDiscoverPlaces(t *testing.T) {
	for _, c := range []struct {
		conf, also string
		want       Options
	}{
		{conf: "/etc/php/8.2/fpm/php-fpm.conf", want: Options{"8.2", "debian", "/usr", "/etc/php/8.2/fpm/php.ini", "/etc/php/8.2/fpm/conf.d", ""}},
		{conf: "/etc/php5/fpm/php-fpm.conf", want: Options{"5", "debian", "/usr", "/etc/php5/fpm/php.ini", "/etc/php5/fpm/conf.d", ""}},
		{conf: "/etc/php-fpm.conf", want: Options{"", "rhel", "/usr", "/etc/php.ini", "/etc/php.d", ""}},
		{conf: "/etc/opt/remi/php74/php-fpm.conf", want: Options{"7.4", "remi", "/opt/remi/php74/root/usr", "/etc/opt/remi/php74/php.ini", "/etc/opt/remi/php74/php.d", ""}},
		{conf: "/etc/opt/rh/rh-php72/php-fpm.conf", want: Options{"7.2", "rhel", "/opt/rh/rh-php72/root/usr", "/etc/opt/rh/rh-php72/php.ini", "/etc/opt/rh/rh-php72/php.d", ""}},
		{conf: "/etc/php83/php-fpm.conf", want: Options{"8.3", "alpine", "/usr", "/etc/php83/php.ini", "/etc/php83/conf.d", ""}},
		{conf: "/etc/php7/php-fpm.conf", want: Options{"7", "alpine", "/usr", "/etc/php7/php.ini", "/etc/php7/conf.d", ""}},
		{conf: "/etc/php/php-fpm.conf", want: Options{"", "other", "/usr", "/etc/php/php.ini", "/etc/php/conf.d", ""}},
		{conf: "/usr/local/etc/php-fpm.conf", want: Options{"", "docker", "/usr/local", "/usr/local/etc/php/php.ini", "/usr/local/etc/php/conf.d", ""}},
		{conf: "/usr/local/etc/php-fpm.conf", also: "usr/local/etc/rc.d/php_fpm", want: Options{"", "freebsd", "/usr/local", "/usr/local/etc/php.ini", "/usr/local/etc/php", ""}},
		{conf: "/opt/homebrew/etc/php/8.3/php-fpm.conf", want: Options{"8.3", "homebrew", "/opt/homebrew", "/opt/homebrew/etc/php/8.3/php.ini", "/opt/homebrew/etc/php/8.3/conf.d", ""}},
		{conf: "/usr/local/etc/php/8.3/php-fpm.conf", want: Options{"8.3", "homebrew", "/usr/local", "/usr/local/etc/php/8.3/php.ini", "/usr/local/etc/php/8.3/conf.d", ""}},
		{conf: "/opt/cpanel/ea-php81/root/etc/php-fpm.conf", want: Options{"8.1", "cpanel", "/opt/cpanel/ea-php81/root/usr", "/opt/cpanel/ea-php81/root/etc/php.ini", "/opt/cpanel/ea-php81/root/etc/php.d", ""}},
		{conf: "/opt/plesk/php/8.1/etc/php-fpm.conf", want: Options{"8.1", "plesk", "/opt/plesk/php/8.1", "/opt/plesk/php/8.1/etc/php.ini", "/opt/plesk/php/8.1/etc/php.d", ""}},
		{conf: "/opt/bitnami/php/etc/php-fpm.conf", want: Options{"", "other", "/opt/bitnami/php", "/opt/bitnami/php/etc/php.ini", "/opt/bitnami/php/etc/conf.d", ""}},
	} {
		t.Run(c.want.Family+c.conf, func(t *testing.T) {
			names := []string{c.conf}
			if c.also != "" {
				names = append(names, c.also)
			}
			root := tree(t, names...)
			want := []Found{{Conf: c.conf, Options: c.want}}
			if diff := cmp.Diff(want, Discover(root)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.want, OptionsFor(root, c.conf)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiscoverSeveral(t *testing.T) {
	root := treeOf(t, map[string]string{
		"etc/php/8.3/fpm/php-fpm.conf":        "",
		"etc/php/7.4/fpm/php-fpm.conf":        "",
		"etc/php/7.4/cli/php.ini":             "",
		"etc/php/8.0/cli/php.ini":             "",
		"etc/php/8.1/fpm/pool.d/b.conf":       "",
		"etc/php/8.1/fpm/pool.d/a.conf":       "",
		"etc/php/8.1/fpm/pool.d/c.conf.bak":   "",
		"etc/php/8.1/fpm/pool.d/d.conf":       "-> /gone",
		"etc/php/8.1/fpm/pool.d/e.conf/x":     "",
		"etc/php/8.2/fpm/php-fpm.conf/x":      "", // a directory
		"etc/php/old-8.0/fpm/php-fpm.conf":    "",
		"etc/php/8.4.bak/fpm/php-fpm.conf":    "",
		"etc/php/8.5/fpm/php-fpm.conf":        "-> /etc/php/8.3/fpm/php-fpm.conf",
		"etc/php-fpm.conf":                    "-> /gone",
		"etc/php83/php-fpm.conf":              "",
		"etc/php84/php-fpm.d/www.conf":        "",
		"etc/php8/conf.d/x.ini":               "",
		"usr/local/etc/php-fpm.d/www.conf":    "",
		"usr/local/etc/php-fpm.d/docker.conf": "",
	})
	type brief struct {
		Conf, Version string
		Pools         []string
	}
	var got []brief
	for _, f := range Discover(root) {
		got = append(got, brief{f.Conf, f.Version, f.Pools})
	}
	want := []brief{
		{"/etc/php/7.4/fpm/php-fpm.conf", "7.4", nil},
		{"", "8.1", []string{"/etc/php/8.1/fpm/pool.d/a.conf", "/etc/php/8.1/fpm/pool.d/b.conf"}},
		{"/etc/php/8.3/fpm/php-fpm.conf", "8.3", nil},
		{"/etc/php83/php-fpm.conf", "8.3", nil},
		{"", "8.4", []string{"/etc/php84/php-fpm.d/www.conf"}},
		{"", "", []string{"/usr/local/etc/php-fpm.d/docker.conf", "/usr/local/etc/php-fpm.d/www.conf"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, f := range Discover(root) {
		if _, err := f.Load(root); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// Images of Alpine often link /etc/php to the versioned directory: that is one master.
func TestDiscoverLinkedTree(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"main file": {"etc/php83/php-fpm.conf": "", "etc/php": "-> php83"},
		"pools":     {"etc/php83/php-fpm.d/www.conf": "", "etc/php": "-> /etc/php83"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Discover(treeOf(t, files))
			if len(found) != 1 || found[0].Family != "alpine" || found[0].Version != "8.3" {
				t.Errorf("found %+v", found)
			}
		})
	}
}

func TestOptionsFor(t *testing.T) {
	root := tree(t, "etc/php/8.2/fpm/pool.d/www.conf", "docker/php-7.4/pool.conf")
	for conf, want := range map[string]Options{
		"/etc/php/8.2/fpm/pool.d/www.conf":  {Family: "debian", Version: "8.2"},
		"/usr/local/etc/php-fpm.d/www.conf": {Family: "docker"},
		"/docker/php-7.4/pool.conf":         {Family: "other", Version: "7.4"},
		"/docker/php8.1-fpm/pool.conf":      {Family: "other", Version: "8.1"},
		"/docker/php56/pool.conf":           {Family: "other", Version: "5.6"},
		"/srv/php8080/pool.conf":            {Family: "other"},
		"/srv/pool.conf":                    {Family: "other"},
	} {
		got := OptionsFor(root, conf)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Options{}, "Prefix", "IniFile", "IniDir")); diff != "" {
			t.Errorf("%s: %s", conf, diff)
		}
	}
}

func TestInstalled(t *testing.T) {
	for _, c := range []struct {
		name                string
		options             Options
		files               []string
		installed, binaries bool
	}{
		{"configuration only", Options{Family: "debian", Version: "8.2"}, []string{"etc/php/8.2/fpm/php-fpm.conf"}, false, false},
		{"files that an image adds", Options{Family: "debian", Version: "8.2"}, []string{"usr/local/bin/entrypoint", "usr/sbin/policy-rc.d"}, false, false},
		{"this version", Options{Family: "debian", Version: "8.2"}, []string{"usr/sbin/php-fpm8.2"}, true, true},
		{"another version", Options{Family: "debian", Version: "7.4"}, []string{"usr/sbin/php-fpm8.2"}, false, true},
		{"no FPM", Options{Family: "debian", Version: "7.4"}, []string{"bin/sh"}, false, true},
		{"old Debian", Options{Family: "debian", Version: "5"}, []string{"usr/sbin/php5-fpm"}, true, true},
		{"openSUSE", Options{Family: "debian", Version: "8"}, []string{"usr/sbin/php-fpm"}, true, true},
		{"Debian without number", Options{Family: "debian", Version: "8.2"}, []string{"usr/sbin/php-fpm"}, false, true},
		{"RHEL", Options{Family: "rhel", Prefix: "/usr"}, []string{"usr/sbin/php-fpm"}, true, true},
		{"RHEL, gone", Options{Family: "rhel", Prefix: "/usr"}, []string{"usr/sbin/nginx"}, false, true},
		{"software collection", Options{Family: "rhel", Version: "7.2", Prefix: "/opt/rh/rh-php72/root/usr"}, []string{"usr/bin/sh", "opt/rh/rh-php72/root/usr/sbin/php-fpm"}, true, true},
		{"software collection, gone", Options{Family: "rhel", Version: "7.2", Prefix: "/opt/rh/rh-php72/root/usr"}, []string{"usr/sbin/php-fpm"}, false, true},
		{"Remi", Options{Family: "remi", Version: "8.2", Prefix: "/opt/remi/php82/root/usr"}, []string{"usr/bin/sh", "opt/remi/php82/root/usr/sbin/php-fpm"}, true, true},
		{"Alpine", Options{Family: "alpine", Version: "8.3", Prefix: "/usr"}, []string{"bin/busybox", "usr/sbin/php-fpm83"}, true, true},
		{"Alpine, gone", Options{Family: "alpine", Version: "8.1", Prefix: "/usr"}, []string{"bin/busybox", "usr/sbin/php-fpm83"}, false, true},
		{"Docker", Options{Family: "docker", Prefix: "/usr/local"}, []string{"usr/local/sbin/php-fpm"}, true, true},
		{"cPanel", Options{Family: "cpanel", Version: "8.1", Prefix: "/opt/cpanel/ea-php81/root/usr"}, []string{"opt/cpanel/ea-php81/root/usr/sbin/php-fpm", "bin/sh"}, true, true},
		{"Plesk", Options{Family: "plesk", Version: "8.1", Prefix: "/opt/plesk/php/8.1"}, []string{"opt/plesk/php/8.1/sbin/php-fpm", "bin/sh"}, true, true},
		{"Homebrew", Options{Family: "homebrew", Version: "8.3", Prefix: "/opt/homebrew"}, []string{"opt/homebrew/opt/php@8.3/sbin/php-fpm", "bin/sh"}, true, true},
		{"unknown layout", Options{Family: "other", Prefix: "/usr"}, []string{"bin/sh"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			installed, binaries := installed(tree(t, c.files...), c.options)
			if installed != c.installed || binaries != c.binaries {
				t.Errorf("installed %v, binaries %v; want %v, %v", installed, binaries, c.installed, c.binaries)
			}
		})
	}
}

// The packages of this machine lie where Discover looks.
func TestDiscoverLive(t *testing.T) {
	binary := live.FPM(t)
	root, err := source.Dir("/")
	if err != nil {
		t.Fatal(err)
	}
	found := Discover(root)
	if len(found) == 0 {
		t.Fatalf("%s is installed, and nothing was found", binary)
	}
	for _, f := range found {
		m, err := f.Load(root)
		if err != nil {
			t.Fatal(err)
		}
		if !m.HasBinaries || len(m.Files) == 0 {
			t.Errorf("%s: %d files, binaries %v", f.Conf, len(m.Files), m.HasBinaries)
		}
	}
}
