package rules

import (
	"strings"

	"fpmlint/lint/nginx"
	"fpmlint/lint/stack"
)

// applications tells which application a server block serves, each looked at once.
type applications struct {
	stack    *stack.Stack
	names    map[*nginx.Scope]string
	php      map[*nginx.Scope]bool // servers that pass requests to PHP-FPM themselves
	patterns *matchers
}

// signs are parts of paths that only one application has. All of them send large headers: cookies
// and policies by plugins, lists of cache tags, sessions kept in a cookie.
var signs = []sign{
	{"WordPress", "wp-admin"}, {"WordPress", "wp-login"}, {"WordPress", "wp-content"}, {"WordPress", "wp-includes"}, {"WordPress", "wordpress"},
	{"Magento", "$mage_"}, {"Magento", "pub/static"}, {"Magento", "magento"},
	{"Drupal", "@drupal"}, {"Drupal", "drupal"},
	{"Shopware", "shopware"},
	{"TYPO3", "typo3"},
}

// sign is a part of a path that tells the application.
type sign struct{ name, part string }

// name is the application of a server block, by wp-config.php below its root or by the paths that
// its configuration speaks of; "" where nothing tells.
func (a *applications) name(server *nginx.Scope) string {
	if name, ok := a.names[server]; ok {
		return name
	}
	if a.names == nil {
		a.names = map[*nginx.Scope]string{}
	}
	a.names[server] = a.look(server)
	return a.names[server]
}

// behind is the application that answers a hand-off. A proxy_pass may lead anywhere, so that the
// server's paths tell only where it passes the site's pages at large, and not where the server has
// PHP-FPM behind it as well: the paths are those of that application.
func (a *applications) behind(h *stack.Handoff) string {
	server := h.Scope.Server()
	if server == nil {
		server = h.Scope
	}
	if h.Module() == "proxy" && (a.passesPHP(server) || !servesPages(a.patterns, h)) {
		return ""
	}
	return a.name(server)
}

func (a *applications) passesPHP(server *nginx.Scope) bool {
	if a.php == nil {
		a.php = map[*nginx.Scope]bool{}
		for _, h := range a.stack.Handoffs {
			a.php[h.Scope.Server()] = a.php[h.Scope.Server()] || h.PHP
		}
	}
	return a.php[server]
}

func (a *applications) look(server *nginx.Scope) string {
	if a.stack.WPConfig(server) != nil {
		return "WordPress"
	}
	best := len(signs)
	a.collect(server, &best, 0)
	if best == len(signs) {
		return ""
	}
	return signs[best].name
}

// shortestSign is the length of the shortest of the signs, in bytes.
const shortestSign = len("typo3")

// collect looks for the first of the signs in location patterns and document roots, some levels deep.
func (a *applications) collect(s *nginx.Scope, best *int, depth int) {
	if s.Statement != nil && s.Kind == "location" {
		signOf(s.Statement, best)
	}
	for _, d := range s.Directives {
		switch d.Name {
		case "root", "alias", "try_files", "set", "rewrite":
			signOf(d, best)
		}
	}
	if depth > 8 {
		return
	}
	for _, c := range s.Children {
		a.collect(c, best, depth+1)
	}
}

// signOf lowers best to the first of the signs that an argument has.
func signOf(d *nginx.Statement, best *int) {
	for _, arg := range d.Args {
		// One look at each byte: nearly all arguments of nearly all sites have no sign.
		for i := range len(arg.Value) - shortestSign + 1 {
			if !signBegins[arg.Value[i]] {
				continue
			}
			for j, sign := range signs[:*best] {
				if rest := arg.Value[i:]; len(rest) >= len(sign.part) && strings.EqualFold(rest[:len(sign.part)], sign.part) {
					*best = j
					break
				}
			}
		}
	}
}

// signBegins are the bytes with which signs begin.
var signBegins = func() (begins [256]bool) {
	for _, s := range signs {
		begins[s.part[0]] = true
		begins[strings.ToUpper(s.part)[0]] = true
	}
	return begins
}()
