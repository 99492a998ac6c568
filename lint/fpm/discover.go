package fpm

import (
	"path"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// Found is an FPM tree at one of the known places.
type Found struct {
	// Conf is the main file, "" where only pools were found.
	Conf string
	// Pools are the pool files where there is no main file.
	Pools []string
	Options
}

// Load reads the tree.
func (f Found) Load(root *source.Root) (*Master, error) {
	if f.Conf == "" {
		return LoadPools(root, f.Pools, f.Options)
	}
	return Load(root, f.Conf, f.Options)
}

// place is a known layout. In the patterns, {V} is the version in the form that version reads.
type place struct {
	family, conf, pools, prefix, ini, iniDir string
	version                                  form
}

// form is how a layout writes a version; 0 is not at all.
type form int

const (
	dotted  form = iota + 1 // 8.2
	twoPart                 // 82
	single                  // 8
)

func (f form) matches(v string) bool {
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	switch f {
	case dotted:
		major, minor, ok := strings.Cut(v, ".")
		return ok && digits(major) && digits(minor)
	case twoPart:
		return len(v) == 2 && digits(v)
	case single:
		return len(v) == 1 && digits(v)
	}
	return false
}

// places are the layouts of distributions and images, each checked against its packages' file
// lists or build files.
var places = []place{
	{"debian", "/etc/php/{V}/fpm/php-fpm.conf", "/etc/php/{V}/fpm/pool.d/*.conf", "/usr", "/etc/php/{V}/fpm/php.ini", "/etc/php/{V}/fpm/conf.d", dotted},
	{"debian", "/etc/php{V}/fpm/php-fpm.conf", "/etc/php{V}/fpm/pool.d/*.conf", "/usr", "/etc/php{V}/fpm/php.ini", "/etc/php{V}/fpm/conf.d", single},
	{"remi", "/etc/opt/remi/php{V}/php-fpm.conf", "/etc/opt/remi/php{V}/php-fpm.d/*.conf", "/opt/remi/php{V}/root/usr", "/etc/opt/remi/php{V}/php.ini", "/etc/opt/remi/php{V}/php.d", twoPart},
	{"rhel", "/etc/opt/rh/rh-php{V}/php-fpm.conf", "/etc/opt/rh/rh-php{V}/php-fpm.d/*.conf", "/opt/rh/rh-php{V}/root/usr", "/etc/opt/rh/rh-php{V}/php.ini", "/etc/opt/rh/rh-php{V}/php.d", twoPart},
	{"alpine", "/etc/php{V}/php-fpm.conf", "/etc/php{V}/php-fpm.d/*.conf", "/usr", "/etc/php{V}/php.ini", "/etc/php{V}/conf.d", twoPart},
	{"alpine", "/etc/php{V}/php-fpm.conf", "/etc/php{V}/php-fpm.d/*.conf", "/usr", "/etc/php{V}/php.ini", "/etc/php{V}/conf.d", single},
	{"rhel", "/etc/php-fpm.conf", "/etc/php-fpm.d/*.conf", "/usr", "/etc/php.ini", "/etc/php.d", 0},
	{"other", "/etc/php/php-fpm.conf", "/etc/php/php-fpm.d/*.conf", "/usr", "/etc/php/php.ini", "/etc/php/conf.d", 0},
	{"docker", "/usr/local/etc/php-fpm.conf", "/usr/local/etc/php-fpm.d/*.conf", "/usr/local", "/usr/local/etc/php/php.ini", "/usr/local/etc/php/conf.d", 0},
	{"homebrew", "/opt/homebrew/etc/php/{V}/php-fpm.conf", "/opt/homebrew/etc/php/{V}/php-fpm.d/*.conf", "/opt/homebrew", "/opt/homebrew/etc/php/{V}/php.ini", "/opt/homebrew/etc/php/{V}/conf.d", dotted},
	{"homebrew", "/usr/local/etc/php/{V}/php-fpm.conf", "/usr/local/etc/php/{V}/php-fpm.d/*.conf", "/usr/local", "/usr/local/etc/php/{V}/php.ini", "/usr/local/etc/php/{V}/conf.d", dotted},
	{"cpanel", "/opt/cpanel/ea-php{V}/root/etc/php-fpm.conf", "/opt/cpanel/ea-php{V}/root/etc/php-fpm.d/*.conf", "/opt/cpanel/ea-php{V}/root/usr", "/opt/cpanel/ea-php{V}/root/etc/php.ini", "/opt/cpanel/ea-php{V}/root/etc/php.d", twoPart},
	{"plesk", "/opt/plesk/php/{V}/etc/php-fpm.conf", "/opt/plesk/php/{V}/etc/php-fpm.d/*.conf", "/opt/plesk/php/{V}", "/opt/plesk/php/{V}/etc/php.ini", "/opt/plesk/php/{V}/etc/php.d", dotted},
	{"other", "/opt/bitnami/php/etc/php-fpm.conf", "/opt/bitnami/php/etc/php-fpm.d/*.conf", "/opt/bitnami/php", "/opt/bitnami/php/etc/php.ini", "/opt/bitnami/php/etc/conf.d", 0},
}

// Discover finds every FPM tree at the known places, in the order of their versions. A tree that
// has two names, by a link such as Alpine's /etc/php, is found once.
func Discover(root *source.Root) []Found {
	var out []Found
	seen := map[string]bool{}
	for _, p := range places {
		for _, v := range p.versions(root) {
			found := Found{Options: p.options(root, v)}
			first, ok := regular(root, strings.ReplaceAll(p.conf, "{V}", v))
			if ok {
				found.Conf = strings.ReplaceAll(p.conf, "{V}", v)
			} else {
				names, _ := root.Glob(strings.ReplaceAll(p.pools, "{V}", v)) // no directory: no pools
				for _, n := range names {
					if real, ok := regular(root, n); ok {
						found.Pools = append(found.Pools, n)
						first = real
					}
				}
			}
			if first != "" && !seen[first] {
				seen[first] = true
				out = append(out, found)
			}
		}
	}
	return out
}

// regular is the real path of a file.
func regular(root *source.Root, p string) (real string, ok bool) {
	info, err := root.Stat(p)
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	real, err = root.Resolve(p)
	return real, err == nil
}

// versions are the values of {V} for which the layout's directory exists.
func (p place) versions(root *source.Root) []string {
	before, after, ok := strings.Cut(p.conf, "{V}")
	if !ok {
		return []string{""}
	}
	dir, prefix := path.Split(before)
	entries, err := root.ReadDir(dir)
	if err != nil {
		return nil
	}
	rest := path.Dir(after)
	var out []string
	for _, e := range entries {
		v, ok := strings.CutPrefix(e.Name(), prefix)
		if ok && p.version.matches(v) && root.Exists(path.Join(dir, e.Name(), rest)) {
			out = append(out, v)
		}
	}
	return out
}

func (p place) options(root *source.Root, v string) Options {
	with := func(s string) string { return strings.ReplaceAll(s, "{V}", v) }
	o := Options{Family: p.family, Prefix: with(p.prefix), IniFile: with(p.ini), IniDir: with(p.iniDir), Version: v}
	if p.version == twoPart {
		o.Version = v[:1] + "." + v[1:]
	}
	if p.family == "docker" && root.Exists("/usr/local/etc/rc.d") {
		o.Family, o.IniFile, o.IniDir = "freebsd", "/usr/local/etc/php.ini", "/usr/local/etc/php"
	}
	return o
}

// OptionsFor tells the layout of a main file or a pool file by its place, or by the end of its path
// where a directory such as docker/php holds a part of a root, with php.ini and conf.d in it; one that
// is nowhere known has only its directory's files.
func OptionsFor(root *source.Root, conf string) Options {
	for _, p := range places {
		v, n := p.ends(conf)
		if n == len(conf) && (p.version == 0 || root.Exists(path.Dir(strings.ReplaceAll(p.conf, "{V}", v)))) {
			return p.options(root, v)
		}
	}
	o, longest := Options{Family: "other", Prefix: "/usr", Version: versionIn(conf)}, 0
	for _, p := range places {
		if v, n := p.ends(conf); n > longest {
			o, longest = p.options(root, v), n
			if base := conf[:len(conf)-n]; base != "" {
				o.Below, o.IniFile, o.IniDir = base, base+o.IniFile, base+o.IniDir
			}
		}
	}
	return o
}

// ends says which version's main file or pool file a path ends like, and over how many bytes.
func (p place) ends(conf string) (v string, n int) {
	for _, file := range []string{p.conf, strings.Replace(p.pools, "*.conf", path.Base(conf), 1)} {
		before, after, versioned := strings.Cut(file, "{V}")
		if !versioned {
			if strings.HasSuffix(conf, file) {
				return "", len(file)
			}
			continue
		}
		rest, ok := strings.CutSuffix(conf, after)
		if i := strings.LastIndex(rest, before); ok && i >= 0 && p.version.matches(rest[i+len(before):]) {
			return rest[i+len(before):], len(conf) - i
		}
	}
	return "", 0
}

var versionDir = lazy.Regexp(`php-?([5-8])\.?([0-9])(?:/|$|[^0-9])`)

// versionIn reads a PHP version off a path such as docker/php8.2/pool.conf.
func versionIn(p string) string {
	if m := versionDir().FindStringSubmatch(p); m != nil {
		return m[1] + "." + m[2]
	}
	return ""
}

var anyVersion = lazy.Regexp(`(?:^|[^0-9])([5-8])\.?([0-9])(?:[^0-9]|$)`)

// VersionsDiffer says whether two paths name PHP versions, and none that is the same.
func VersionsDiffer(a, b string) bool {
	of, in := anyVersion().FindAllStringSubmatch(a, -1), anyVersion().FindAllStringSubmatch(b, -1)
	return len(of) > 0 && len(in) > 0 && !slices.ContainsFunc(of, func(v []string) bool {
		return slices.ContainsFunc(in, func(w []string) bool { return v[1] == w[1] && v[2] == w[2] })
	})
}

// PoolDir is the directory of pools that belongs to a main file or a pool file below a part of a
// root, as it is deployed and where it lies: /etc/php-fpm.d and /docker/php/etc/php-fpm.d.
func PoolDir(conf string) (deployed, lies string, ok bool) {
	longest := 0
	for _, p := range places {
		if v, n := p.ends(conf); n > longest {
			longest = n
			deployed = path.Dir(strings.ReplaceAll(p.pools, "{V}", v))
			lies = path.Join(conf[:len(conf)-n], deployed)
		}
	}
	return deployed, lies, longest > 0
}

// PoolDirs are the known pool directories that have a given last component.
func PoolDirs(base string) []string {
	var out []string
	for _, p := range places {
		if dir := path.Dir(p.pools); path.Base(dir) == base && !strings.Contains(dir, "{V}") {
			out = append(out, dir)
		}
	}
	return out
}

// shells are in every root that holds a system; one with configuration, or the few files that an
// image adds, has none.
var shells = []string{"/bin/sh", "/usr/bin/sh", "/bin/busybox"}

// sbinDirs are where distributions put daemons.
var sbinDirs = []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin"}

// daemon matches the programs that a root with binaries has.
var daemon = lazy.Regexp(`^(php-fpm[0-9.]*|php[0-9.]+-fpm|nginx)$`)

// hasBinaries says whether a root holds programs: then one that is not there is not installed.
func hasBinaries(root *source.Root) bool {
	if slices.ContainsFunc(shells, root.Exists) {
		return true
	}
	for _, d := range sbinDirs {
		entries, _ := root.ReadDir(d) // not there: none
		for _, e := range entries {
			if daemon().MatchString(e.Name()) {
				return true
			}
		}
	}
	return false
}

// installed looks for the FPM program that belongs to a tree.
func installed(root *source.Root, o Options) (found, binaries bool) {
	if o.Family == "other" || o.Below != "" {
		return true, hasBinaries(root) // nobody knows where it would be
	}
	return slices.ContainsFunc(Programs(o), root.Exists), hasBinaries(root)
}

// Programs are the places of the FPM program that belongs to a tree, the likeliest first.
func Programs(o Options) []string {
	short := strings.ReplaceAll(o.Version, ".", "")
	switch o.Family {
	case "debian":
		names := []string{"/usr/sbin/php-fpm" + o.Version, "/usr/sbin/php" + o.Version + "-fpm"}
		if short == o.Version { // openSUSE's /etc/php8/fpm looks like Debian's /etc/php5/fpm
			names = append(names, "/usr/sbin/php-fpm")
		}
		return names
	case "alpine":
		return []string{"/usr/sbin/php-fpm" + short, "/usr/sbin/php-fpm" + o.Version, "/usr/bin/php-fpm" + short, "/usr/sbin/php-fpm"}
	case "homebrew":
		return []string{"/opt/homebrew/opt/php@" + o.Version + "/sbin/php-fpm", "/opt/homebrew/sbin/php-fpm", "/usr/local/opt/php@" + o.Version + "/sbin/php-fpm", "/usr/local/sbin/php-fpm"}
	}
	names := []string{o.Prefix + "/sbin/php-fpm"}
	if o.Family == "other" && o.Version != "" {
		names = append(names, "/usr/sbin/php-fpm"+o.Version)
	}
	return names
}
