package fpm

import (
	"path"
	"regexp"
	"strings"

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
	version                                  *regexp.Regexp
}

var (
	dotted  = regexp.MustCompile(`^\d+\.\d+$`)
	twoPart = regexp.MustCompile(`^\d{2}$`)
	single  = regexp.MustCompile(`^\d$`)
)

// places are the layouts of distributions and images, each checked against its packages' file
// lists or build files.
var places = []place{
	{"debian", "/etc/php/{V}/fpm/php-fpm.conf", "/etc/php/{V}/fpm/pool.d/*.conf", "/usr", "/etc/php/{V}/fpm/php.ini", "/etc/php/{V}/fpm/conf.d", dotted},
	{"debian", "/etc/php{V}/fpm/php-fpm.conf", "/etc/php{V}/fpm/pool.d/*.conf", "/usr", "/etc/php{V}/fpm/php.ini", "/etc/php{V}/fpm/conf.d", single},
	{"remi", "/etc/opt/remi/php{V}/php-fpm.conf", "/etc/opt/remi/php{V}/php-fpm.d/*.conf", "/opt/remi/php{V}/root/usr", "/etc/opt/remi/php{V}/php.ini", "/etc/opt/remi/php{V}/php.d", twoPart},
	{"rhel", "/etc/opt/rh/rh-php{V}/php-fpm.conf", "/etc/opt/rh/rh-php{V}/php-fpm.d/*.conf", "/opt/rh/rh-php{V}/root/usr", "/etc/opt/rh/rh-php{V}/php.ini", "/etc/opt/rh/rh-php{V}/php.d", twoPart},
	{"alpine", "/etc/php{V}/php-fpm.conf", "/etc/php{V}/php-fpm.d/*.conf", "/usr", "/etc/php{V}/php.ini", "/etc/php{V}/conf.d", twoPart},
	{"alpine", "/etc/php{V}/php-fpm.conf", "/etc/php{V}/php-fpm.d/*.conf", "/usr", "/etc/php{V}/php.ini", "/etc/php{V}/conf.d", single},
	{"rhel", "/etc/php-fpm.conf", "/etc/php-fpm.d/*.conf", "/usr", "/etc/php.ini", "/etc/php.d", nil},
	{"other", "/etc/php/php-fpm.conf", "/etc/php/php-fpm.d/*.conf", "/usr", "/etc/php/php.ini", "/etc/php/conf.d", nil},
	{"docker", "/usr/local/etc/php-fpm.conf", "/usr/local/etc/php-fpm.d/*.conf", "/usr/local", "/usr/local/etc/php/php.ini", "/usr/local/etc/php/conf.d", nil},
	{"homebrew", "/opt/homebrew/etc/php/{V}/php-fpm.conf", "/opt/homebrew/etc/php/{V}/php-fpm.d/*.conf", "/opt/homebrew", "/opt/homebrew/etc/php/{V}/php.ini", "/opt/homebrew/etc/php/{V}/conf.d", dotted},
	{"homebrew", "/usr/local/etc/php/{V}/php-fpm.conf", "/usr/local/etc/php/{V}/php-fpm.d/*.conf", "/usr/local", "/usr/local/etc/php/{V}/php.ini", "/usr/local/etc/php/{V}/conf.d", dotted},
	{"cpanel", "/opt/cpanel/ea-php{V}/root/etc/php-fpm.conf", "/opt/cpanel/ea-php{V}/root/etc/php-fpm.d/*.conf", "/opt/cpanel/ea-php{V}/root/usr", "/opt/cpanel/ea-php{V}/root/etc/php.ini", "/opt/cpanel/ea-php{V}/root/etc/php.d", twoPart},
	{"plesk", "/opt/plesk/php/{V}/etc/php-fpm.conf", "/opt/plesk/php/{V}/etc/php-fpm.d/*.conf", "/opt/plesk/php/{V}", "/opt/plesk/php/{V}/etc/php.ini", "/opt/plesk/php/{V}/etc/php.d", dotted},
	{"other", "/opt/bitnami/php/etc/php-fpm.conf", "/opt/bitnami/php/etc/php-fpm.d/*.conf", "/opt/bitnami/php", "/opt/bitnami/php/etc/php.ini", "/opt/bitnami/php/etc/conf.d", nil},
}

// Discover finds every FPM tree at the known places, in the order of their versions.
func Discover(root *source.Root) []Found {
	var out []Found
	for _, p := range places {
		for _, v := range p.versions(root) {
			found := Found{Options: p.options(root, v)}
			if conf := strings.ReplaceAll(p.conf, "{V}", v); root.Exists(conf) {
				found.Conf = conf
			} else if found.Pools, _ = root.Glob(strings.ReplaceAll(p.pools, "{V}", v)); len(found.Pools) == 0 {
				continue
			}
			out = append(out, found)
		}
	}
	return out
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
		if ok && p.version.MatchString(v) && root.Exists(path.Join(dir, e.Name(), rest)) {
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

// OptionsFor tells the layout of a main file or a pool file by its place; one that is nowhere
// known has only its directory's files.
func OptionsFor(root *source.Root, conf string) Options {
	for _, p := range places {
		for _, v := range p.versions(root) {
			with := func(s string) string { return strings.ReplaceAll(s, "{V}", v) }
			if dir := path.Dir(with(p.pools)); conf == with(p.conf) || path.Dir(conf) == dir {
				return p.options(root, v)
			}
		}
	}
	return Options{Family: "other", Prefix: "/usr", Version: versionIn(conf)}
}

var versionDir = regexp.MustCompile(`php-?([5-8])\.?([0-9])(?:/|$|[^0-9])`)

// versionIn reads a PHP version off a path such as docker/php8.2/pool.conf.
func versionIn(p string) string {
	if m := versionDir.FindStringSubmatch(p); m != nil {
		return m[1] + "." + m[2]
	}
	return ""
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

// binDirs are where programs lie; a root without any of them holds configuration only.
var binDirs = []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"}

// installed looks for the FPM program that belongs to a tree.
func installed(root *source.Root, o Options) (found, hasBinaries bool) {
	for _, d := range binDirs {
		if entries, err := root.ReadDir(d); err == nil && len(entries) > 0 {
			hasBinaries = true
		}
	}
	short := strings.ReplaceAll(o.Version, ".", "")
	var names []string
	switch o.Family {
	case "debian":
		names = []string{"/usr/sbin/php-fpm" + o.Version, "/usr/sbin/php" + o.Version + "-fpm"}
	case "remi":
		names = []string{"/opt/remi/php" + short + "/root/usr/sbin/php-fpm"}
	case "alpine":
		names = []string{"/usr/sbin/php-fpm" + short, "/usr/sbin/php-fpm" + o.Version, "/usr/bin/php-fpm" + short, "/usr/sbin/php-fpm"}
	case "cpanel":
		names = []string{"/opt/cpanel/ea-php" + short + "/root/usr/sbin/php-fpm"}
	case "plesk":
		names = []string{"/opt/plesk/php/" + o.Version + "/sbin/php-fpm"}
	case "homebrew":
		names = []string{"/opt/homebrew/opt/php@" + o.Version + "/sbin/php-fpm", "/opt/homebrew/sbin/php-fpm", "/usr/local/opt/php@" + o.Version + "/sbin/php-fpm", "/usr/local/sbin/php-fpm"}
	case "rhel", "docker", "freebsd":
		names = []string{"/usr/sbin/php-fpm", "/usr/local/sbin/php-fpm"}
	default:
		return true, hasBinaries // nobody knows where it would be
	}
	for _, n := range names {
		if root.Exists(n) {
			return true, hasBinaries
		}
	}
	return false, hasBinaries
}
