package rules

import (
	"slices"
	"strings"

	"fpmlint/lint/nginx"
	"fpmlint/lint/stack"
)

// applications tells which application a server block serves, each looked at once.
type applications struct {
	stack    *stack.Stack
	names    map[*nginx.Scope]string
	words    map[string]int // the first of the signs in a word, -1 for none
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
// server's paths tell only where it passes the site's pages at large.
func (a *applications) behind(h *stack.Handoff) string {
	if h.Module() == "proxy" && !servesPages(a.patterns, h) {
		return ""
	}
	server := h.Scope.Server()
	if server == nil {
		server = h.Scope
	}
	return a.name(server)
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
		a.signOf(s.Statement, best)
	}
	for _, name := range [...]string{"root", "alias", "try_files", "set", "rewrite"} {
		for _, d := range s.FindAll(name) {
			a.signOf(d, best)
		}
	}
	if depth > 8 {
		return
	}
	for _, c := range s.Children {
		a.collect(c, best, depth+1)
	}
}

// signOf lowers best to the first of the signs that an argument has. Sites have most of their words in
// common.
func (a *applications) signOf(d *nginx.Statement, best *int) {
	for _, arg := range d.Args {
		if len(arg.Value) < shortestSign {
			continue
		}
		first, have := a.words[arg.Value]
		if !have {
			text := strings.ToLower(arg.Value)
			first = slices.IndexFunc(signs, func(s sign) bool { return strings.Contains(text, s.part) })
			if a.words == nil {
				a.words = map[string]int{}
			}
			a.words[arg.Value] = first
		}
		if first >= 0 {
			*best = min(*best, first)
		}
	}
}
