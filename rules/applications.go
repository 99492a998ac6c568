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
	patterns *matchers
}

// signs are parts of paths that only one application has. All of them send large headers: cookies
// and policies by plugins, lists of cache tags, sessions kept in a cookie.
var signs = []struct{ name, sign string }{
	{"WordPress", "wp-admin"}, {"WordPress", "wp-login"}, {"WordPress", "wp-content"}, {"WordPress", "wp-includes"}, {"WordPress", "wordpress"},
	{"Magento", "$mage_"}, {"Magento", "pub/static"}, {"Magento", "magento"},
	{"Drupal", "@drupal"}, {"Drupal", "drupal"},
	{"Shopware", "shopware"},
	{"TYPO3", "typo3"},
}

// name is the application of a server block, by wp-config.php below its root or by the paths that
// its configuration speaks of; "" where nothing tells.
func (a *applications) name(server *nginx.Scope) string {
	if name, ok := a.names[server]; ok {
		return name
	}
	if a.names == nil {
		a.names = map[*nginx.Scope]string{}
	}
	a.names[server] = applicationOf(a.stack, server)
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

func applicationOf(s *stack.Stack, server *nginx.Scope) string {
	if s.WPConfig(server) != nil {
		return "WordPress"
	}
	var words []string
	collectWords(server, &words, 0)
	text := strings.ToLower(strings.Join(words, "\n"))
	for _, app := range signs {
		if strings.Contains(text, app.sign) {
			return app.name
		}
	}
	return ""
}

// collectWords gathers location patterns and document roots, some levels deep.
func collectWords(s *nginx.Scope, words *[]string, depth int) {
	if s.Statement != nil && s.Kind == "location" {
		*words = append(*words, s.Statement.Values()...)
	}
	for _, name := range []string{"root", "alias", "try_files", "set", "rewrite"} {
		for _, d := range s.FindAll(name) {
			*words = append(*words, d.Values()...)
		}
	}
	if depth > 8 {
		return
	}
	for _, c := range s.Children {
		collectWords(c, words, depth+1)
	}
}
