package rules

import (
	"cmp"
	_ "embed"
	"fmt"
	"path"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
)

//go:embed extension-lost.md
var extensionLostDoc string

// ExtensionLost reports extensions that an older PHP loads and the newer one does not.
var ExtensionLost = lint.Rule{
	ID:       "extension-lost",
	Severity: lint.Warning,
	Family:   "upgrade",
	Summary:  "an extension was not taken along to the newer PHP",
	Doc:      extensionLostDoc,
	Check:    checkExtensionLost,
}

// builtIn are extensions that became part of PHP itself: json with 8.0, hash with 7.4 (UPGRADING),
// opcache with 8.5.
var builtIn = map[string]string{"json": "8.0", "hash": "7.4", "opcache": "8.5"}

func checkExtensionLost(p *lint.Pass) {
	u := newMove(p.Stack)
	if u == nil || !u.Asked && !u.uses(u.To) {
		return
	}
	old := u.From[0]
	if u.To.IniDir == "" || !u.To.Root.Exists(u.To.IniDir) || !old.Root.Exists(old.IniDir) {
		return
	}
	severity := lint.Warning
	if !u.Asked {
		severity = u.lostSeverity(u.uses(old))
	}
	have := map[string]bool{}
	for _, e := range u.To.Extensions() {
		have[extensionName(e)] = true
	}
	for _, e := range old.Extensions() {
		name := extensionName(e)
		if have[name] || e.Unknown != "" || name == "xdebug" {
			continue // a debugger is better lost
		}
		if since := builtIn[name]; since != "" && !older(u.To.Version, "php"+since) {
			continue
		}
		have[name] = true
		p.Report(lint.Finding{
			Severity: severity,
			Message:  fmt.Sprintf("extension %s is loaded by PHP %s and not by PHP %s: scripts that need it end with 500", name, old.Version, u.To.Version),
			Help:     "install and enable it" + packageHint(u.To, name),
			Span:     e.Span,
		})
	}
}

// extensionName is an extension's name without its path, prefix and suffix.
func extensionName(e *fpm.Entry) string {
	name := strings.ToLower(path.Base(e.Value))
	return strings.TrimSuffix(strings.TrimPrefix(name, "php_"), ".so")
}

// bundles are the packages that hold several extensions, by the layout and the extension: the file
// lists of Debian's, Remi's and Alpine's packages. Others are called as their extension.
var bundles = map[string]map[string]string{
	"debian": bundled(map[string]string{
		"mysql": "mysqli mysqlnd pdo_mysql", "xml": "dom simplexml xml xmlreader xmlwriter xsl", "pgsql": "pgsql pdo_pgsql", "sqlite3": "sqlite3 pdo_sqlite",
		"common": "calendar ctype exif ffi fileinfo ftp gettext iconv pdo phar posix shmop sockets sysvmsg sysvsem sysvshm tokenizer",
	}),
	"remi": bundled(map[string]string{
		"mysqlnd": "mysqli mysqlnd pdo_mysql", "xml": "dom simplexml xml xmlreader xmlwriter xsl", "pgsql": "pgsql pdo_pgsql", "pdo": "pdo pdo_sqlite sqlite3",
		"common":  "bz2 calendar ctype curl exif fileinfo ftp gettext iconv phar sockets tokenizer",
		"process": "posix shmop sysvmsg sysvsem sysvshm",
	}),
	"alpine": bundled(map[string]string{
		"pecl-apcu": "apcu", "pecl-igbinary": "igbinary", "pecl-imagick": "imagick", "pecl-memcached": "memcached", "pecl-mongodb": "mongodb",
		"pecl-msgpack": "msgpack", "pecl-redis": "redis", "pecl-ssh2": "ssh2", "pecl-yaml": "yaml",
	}),
}

func bundled(packages map[string]string) map[string]string {
	out := map[string]string{}
	for name, list := range packages {
		for _, extension := range strings.Fields(list) {
			out[extension] = name
		}
	}
	return out
}

// packageHint is the command that installs an extension; "" where the layout does not tell.
func packageHint(m *fpm.Master, name string) string {
	name = cmp.Or(bundles[m.Family][name], name)
	short := strings.ReplaceAll(m.Version, ".", "")
	switch m.Family {
	case "debian":
		return fmt.Sprintf(": apt-get install php%s-%s", m.Version, name)
	case "remi":
		return fmt.Sprintf(": dnf install php%s-php-%s", short, name)
	case "alpine":
		return fmt.Sprintf(": apk add php%s-%s", short, name)
	}
	return ""
}
