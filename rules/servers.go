package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// binding is what servers share: an address and a protocol.
type binding struct {
	address address.Address
	quic    bool
}

// together says whether two statements are one nginx's for sure: two files of a repository may be two
// servers'.
func together(p *lint.Pass, c *nginx.Config, first, second *nginx.Statement) bool {
	return !p.Stack.Loose || c.Root.Rendered() || first.Src == second.Src
}

// reportSameListens reports listen directives of which nginx takes one alone (ngx_http_add_addresses,
// ngx_http_add_server).
func reportSameListens(p *lint.Pass, c *nginx.Config) {
	type taken struct {
		defaults, options *nginx.Statement
		last              stack.Claim
	}
	sockets := map[binding]*taken{}
	refused := map[*nginx.Statement]bool{}
	for _, claim := range stack.Claims(c) {
		key := binding{claim.Address, claim.QUIC}
		t := sockets[key]
		if t == nil {
			t = &taken{}
			sockets[key] = t
		}
		refuse := func(first *nginx.Statement, what string) {
			if first == nil || refused[claim.Statement] || !together(p, c, first, claim.Statement) {
				return
			}
			refused[claim.Statement] = true
			f := lint.Finding{
				Message: what + " " + claim.Address.String(),
				Help:    nginxHelp(source.Problem{Kind: source.Invalid}),
				Span:    claim.Statement.Span(),
			}
			if first == claim.Statement {
				f.Message += ": its file is included twice"
			} else {
				f.Related = []source.Related{{Span: first.Span(), Message: "the first one"}}
			}
			p.Report(f)
		}
		if t.last.Server == claim.Server {
			refuse(t.last.Statement, "a duplicate listen")
		}
		t.last = claim
		if claim.Socket() {
			refuse(t.options, "duplicate listen options for")
			t.options = claim.Statement
		}
		if claim.Default() {
			refuse(t.defaults, "a duplicate default server for")
			t.defaults = claim.Statement
		}
	}
}

// reportSameNames reports servers whose name another one before them has at the same address: nginx
// says so in a warning and gives all requests to the first (ngx_http_server_names).
func reportSameNames(p *lint.Pass, c *nginx.Config) {
	passes := map[*nginx.Scope][]*stack.Handoff{}
	for _, h := range p.Stack.Handoffs {
		if h.Config == c && h.PHP {
			passes[h.Scope.Server()] = append(passes[h.Scope.Server()], h)
		}
	}
	type name struct {
		binding
		text string
	}
	type pair struct{ first, second *nginx.Scope }
	owners := map[name]*nginx.Scope{}
	done := map[pair]bool{}
	for _, claim := range stack.Claims(c) {
		second := claim.Server
		for _, n := range serverNames(second) {
			key := name{binding{claim.Address, claim.QUIC}, n.text}
			first := owners[key]
			if first == nil {
				owners[key] = second
				continue
			}
			between := pair{first, second}
			handoffs := slices.Concat(passes[first], passes[second])
			if first.Statement == second.Statement || done[between] || len(handoffs) == 0 || !together(p, c, first.Statement, second.Statement) {
				continue
			}
			if named := func(s *nginx.Scope) string { return strings.ToLower(path.Base(s.Statement.Src.Path)) }; isBackup(named(first)) || isBackup(named(second)) {
				continue // backup-config-included says why
			}
			done[between] = true
			f := lint.Finding{
				Message:  fmt.Sprintf("conflicting server name %q on %s: nginx ignores this one, and the other server gets its requests", n.text, claim.Address),
				Help:     "give each server a name or an address of its own, or remove the one that is left over",
				Span:     n.span,
				Related:  []source.Related{{Span: first.Statement.Span(), Message: "the first server of that name"}},
				Handoffs: handoffs,
				Severity: lint.Warning,
			}
			if claim.Default() && (n.text == "_" || n.text == "") {
				// Nobody asks for the name: requests come because it is the default.
				f.Severity = lint.Info
				f.Message = fmt.Sprintf("conflicting server name %q on %s: nginx warns at each start and ignores this one, which gets other names' requests as the default server", n.text, claim.Address)
			}
			p.Report(f)
		}
	}
}

// serverName is a name as nginx compares it.
type serverName struct {
	text string
	span source.Span
}

// serverNames are a server's names but for regular expressions, which nginx does not compare. One
// that begins with a dot is two.
func serverNames(server *nginx.Scope) []serverName {
	list := server.FindAll("server_name")
	if len(list) == 0 && len(server.Unread) == 0 {
		return []serverName{{"", server.Statement.Span()}}
	}
	var out []serverName
	for _, d := range list {
		for i := range d.Args {
			switch text := strings.ToLower(d.Arg(i)); {
			case strings.HasPrefix(text, "~"):
			case strings.HasPrefix(text, "."):
				out = append(out, serverName{text[1:], d.ArgSpan(i)}, serverName{"*" + text, d.ArgSpan(i)})
			default:
				out = append(out, serverName{text, d.ArgSpan(i)})
			}
		}
	}
	return out
}
