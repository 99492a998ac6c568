package rules

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
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
	u := p.Stack.Upgrade
	if u == nil || len(u.From) == 0 || !u.Asked && !anyUsed(p, u.To) {
		return
	}
	old := u.From[0]
	if u.To.IniDir == "" || !u.To.Root.Exists(u.To.IniDir) || !old.Root.Exists(old.IniDir) {
		return
	}
	have := map[string]bool{}
	for _, e := range u.To.Extensions() {
		have[extensionName(e)] = true
	}
	seen := map[string]bool{}
	for _, e := range old.Extensions() {
		name := extensionName(e)
		if have[name] || seen[name] || e.Unknown != "" || name == "xdebug" {
			continue // a debugger is better lost
		}
		if since := builtIn[name]; since != "" && !older(u.To.Version, "php"+since) {
			continue
		}
		seen[name] = true
		p.Report(lint.Finding{
			Message: fmt.Sprintf("extension %s is loaded by PHP %s and not by PHP %s: scripts that need it end with 500", name, old.Version, u.To.Version),
			Help:    "install and enable it" + packageHint(u.To, name),
			Span:    e.Span,
		})
	}
}

// extensionName is an extension's name without its path, prefix and suffix.
func extensionName(e *fpm.Entry) string {
	name := strings.ToLower(path.Base(e.Value))
	return strings.TrimSuffix(strings.TrimPrefix(name, "php_"), ".so")
}

// packageHint names the package that usually holds an extension.
func packageHint(m *fpm.Master, name string) string {
	packages := map[string][]string{
		"mysql": {"mysqli", "mysqlnd", "pdo_mysql"}, "xml": {"dom", "simplexml", "xml", "xmlreader", "xmlwriter", "xsl"},
		"pgsql": {"pgsql", "pdo_pgsql"}, "sqlite3": {"sqlite3", "pdo_sqlite"},
		"common": {"calendar", "ctype", "exif", "ffi", "fileinfo", "ftp", "gettext", "iconv", "pdo", "phar", "posix", "shmop", "sockets", "sysvmsg", "sysvsem", "sysvshm", "tokenizer"},
	}
	for pkg, list := range packages {
		if slices.Contains(list, name) {
			name = pkg
			break
		}
	}
	switch m.Family {
	case "debian":
		return fmt.Sprintf(": apt-get install php%s-%s", m.Version, name)
	case "remi":
		return fmt.Sprintf(": dnf install php%s-php-%s", strings.ReplaceAll(m.Version, ".", ""), name)
	case "alpine":
		return fmt.Sprintf(": apk add php%s-%s", strings.ReplaceAll(m.Version, ".", ""), name)
	}
	return ""
}
