package rules

import (
	_ "embed"
	"fmt"
	"slices"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed nginx-syntax.md
var nginxSyntaxDoc string

// NginxSyntax reports what nginx refuses to read, in nginx's own words.
var NginxSyntax = lint.Rule{
	ID:       "nginx-syntax",
	Severity: lint.Error,
	Family:   "start",
	Summary:  "nginx refuses the file",
	Doc:      nginxSyntaxDoc,
	Check:    checkNginxSyntax,
}

func checkNginxSyntax(p *lint.Pass) {
	for _, note := range p.Stack.Notes {
		p.Skip("%s", note)
	}
	for _, problem := range p.Stack.Problems {
		p.Report(lint.Finding{Message: problem.Message, Help: "lint the configuration in parts", Span: problem.Span})
	}
	skipTemplates(p, p.Stack.NginxTemplates)
	for _, c := range p.Stack.Nginx {
		skipTemplates(p, c.Problems)
		for _, problem := range c.Problems {
			if problem.Kind == source.Template {
				continue
			}
			if problem.Kind == source.Denied || problem.Kind == source.Unread && !c.Root.Whole() {
				// The snapshot may lack what the server has, and nginx reads as root.
				p.Skip("%s: include %s was not read: %s", place(problem.Span), problem.Span.Text(), problem.Message)
				continue
			}
			p.Report(lint.Finding{
				Message: problem.Message,
				Help:    nginxHelp(problem),
				Span:    problem.Span,
				Related: problem.Related,
			})
		}
		checkNginxUser(p, c)
		reportSameUpstreams(p, c)
		reportSameLocations(p, c)
		for _, m := range c.Misplaced() {
			if block := m.Scope.Statement; !p.Stack.Loose || c.Root.Rendered() || block.Src == m.Statement.Src {
				p.Report(lint.Finding{
					Message: fmt.Sprintf(`"%s" directive is not allowed here, in %s`, m.Statement.Name, m.Scope.Kind),
					Help:    nginxHelp(source.Problem{Kind: source.Invalid}),
					Span:    m.Statement.NameSpan(),
					Related: []source.Related{{Span: block.Span(), Message: "the block"}},
				})
			}
		}
	}
	for _, clash := range p.Stack.Clashes {
		if clash.Refused != "" && p.Stack.OneServers(clash.Server, clash.First, clash.Second) {
			f := lint.Finding{Message: clash.Refused, Help: nginxHelp(source.Problem{Kind: source.Invalid}), Span: clash.Second}
			if clash.First == clash.Second {
				f.Message += ": the file is included twice"
			} else {
				f.Related = []source.Related{{Span: clash.First, Message: "the first one"}}
			}
			p.Report(f)
		}
	}
}

// checkNginxUser looks up the accounts that nginx looks up when root starts it (ngx_set_user): by name
// only. Who starts it, and with which accounts, is known of this machine's nginx alone.
func checkNginxUser(p *lint.Pass, c *nginx.Config) {
	h := p.Stack.NginxHost
	user, group, at, ok := c.User()
	if !ok || !p.Stack.Live || h.Evidence == nil {
		return
	}
	if m, runs := h.Evidence.Master("nginx", c.Conf.Path); runs && m.UID != 0 || !runs && !slices.Contains(stack.NginxPlaces, c.Conf.Path) {
		return
	}
	_, haveUser := h.Users[user]
	_, haveGroup := h.Groups[group]
	message := ""
	switch {
	case h.HasUsers && !haveUser:
		message = fmt.Sprintf("getpwnam(%q) failed: etc/passwd has no such user", user)
	case h.HasGroups && !haveGroup:
		message = fmt.Sprintf("getgrnam(%q) failed: etc/group has no such group", group)
	default:
		return
	}
	p.Report(lint.Finding{Message: message, Help: nginxHelp(source.Problem{Kind: source.Invalid}), Span: at})
}

// reportSameUpstreams reports upstreams of one name.
func reportSameUpstreams(p *lint.Pass, c *nginx.Config) {
	for _, u := range c.Twice {
		first, second := c.Upstream(u.Name).Scope.Statement.NameSpan(), u.Scope.Statement.NameSpan()
		if !p.Stack.OneServers(u.Scope, first, second) {
			continue
		}
		p.Report(lint.Finding{
			Message: fmt.Sprintf(`duplicate upstream "%s"`, u.Name),
			Help:    nginxHelp(source.Problem{Kind: source.Invalid}),
			Span:    second,
			Related: []source.Related{{Span: first, Message: "the first one"}},
		})
	}
}

// reportSameLocations reports what a server has twice, each line once, however many servers include it.
func reportSameLocations(p *lint.Pass, c *nginx.Config) {
	seen := map[*nginx.Statement]bool{}
	for _, same := range c.SameLocations() {
		if seen[same.Second] || p.Stack.Loose && !c.Root.Rendered() && same.First.Src != same.Second.Src {
			continue
		}
		seen[same.Second] = true
		f := lint.Finding{
			Message: fmt.Sprintf("duplicate location %q", same.Path),
			Help:    nginxHelp(source.Problem{Kind: source.Invalid}),
			Span:    same.Second.Span(),
		}
		if same.First == same.Second {
			f.Message += ": its file is included twice"
		} else {
			f.Related = []source.Related{{Span: same.First.Span(), Message: "the first one"}}
		}
		p.Report(f)
	}
}

// skipTemplates says of each template that it was not read.
func skipTemplates(p *lint.Pass, problems []source.Problem) {
	for _, problem := range problems {
		if problem.Kind == source.Template {
			p.Skip("%s is %s", place(problem.Span), problem.Message)
		}
	}
}

func nginxHelp(problem source.Problem) string {
	switch problem.Kind {
	case source.Unread:
		return "create the file, or make the include a pattern if it is optional"
	case source.Limit:
		return "nginx itself crashes or runs out of memory on this: break the include up"
	}
	return "nginx does not start or reload with this: a running nginx keeps its old configuration"
}
