package rules

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed low-header-buffer.md
var lowHeaderBufferDoc string

// LowHeaderBuffer reports hand-offs whose response headers may not fit.
var LowHeaderBuffer = lint.Rule{
	ID:       "low-header-buffer",
	Severity: lint.Warning,
	Family:   "buffers",
	Summary:  "large response headers do not fit into nginx's buffer",
	Doc:      lowHeaderBufferDoc,
	Check:    checkLowHeaderBuffer,
}

// Sizes in bytes. All headers of a response, with FastCGI's framing, must fit into one
// fastcgi_buffer_size (ngx_http_fastcgi_process_header).
const (
	lowBuffer  = 8 << 10  // below it even plain applications with a few cookies fail
	safeBuffer = 16 << 10 // holds the largest cookies and policies that are common
)

func checkLowHeaderBuffer(p *lint.Pass) {
	apps := applications{stack: p.Stack, patterns: &matchers{}}
	var unset groups[*nginx.Scope] // one finding for each site, and one for all that nothing is known of
	fixes := headerBufferFixes{}
	type buffer struct {
		handoff *stack.Handoff
		value   nginx.Value
		size    int64
		app     string
	}
	var small []buffer
	warned := map[source.Span]bool{} // lines of snippets that some site with an application includes
	for _, h := range slices.Concat(p.Stack.Handoffs, p.Stack.Proxied) {
		v := h.Scope.Effective(h.Module() + "_buffer_size")
		n, err := v.Size()
		if err != nil || h.Probe || !v.IsDefault && n >= safeBuffer {
			continue
		}
		app := apps.behind(h)
		if v.IsDefault && app != "" {
			warned[h.Pass.Span()] = true
		}
		small = append(small, buffer{h, v, n, app})
	}
	for _, b := range small {
		h, v, n, app := b.handoff, b.value, b.size, b.app
		name := h.Module() + "_buffer_size"
		f := lint.Finding{
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
			Help:     fmt.Sprintf("set %[1]s_buffer_size 32k and %[1]s_buffers 16 16k; %[1]s_buffers alone does not help, headers must fit into the one buffer", h.Module()),
		}
		server := cmp.Or(h.Scope.Server(), h.Scope)
		if v.IsDefault {
			f.Span, f.Fix = h.Pass.Span(), fixes.of(h, v)
			switch {
			case app != "":
				f.Message = fmt.Sprintf("%s is at its default of one page (4k or 8k), and %s sends large headers: a response whose headers do not fit ends in a 502", name, app)
				addUnset(&unset, server, f)
			case h.Module() == "fastcgi" && !warned[h.Pass.Span()]:
				f.Severity = lint.Info
				f.Message = name + " is at its default of one page (4k or 8k): a response whose headers do not fit ends in a 502"
				addUnset(&unset, h.Config.Main, f)
			}
			continue
		}
		switch {
		case app != "":
			f.Message = fmt.Sprintf("%s %s, and %s sends large headers: a response whose headers do not fit ends in a 502", name, v.Text, app)
		case n < lowBuffer:
			f.Message = fmt.Sprintf("%s %s: a response whose headers do not fit ends in a 502", name, v.Text)
		default:
			f.Severity = lint.Info
			f.Message = fmt.Sprintf("%s %s holds common headers; large cookies or policies need 16k or more", name, v.Text)
		}
		f.Fix = fixes.of(h, v)
		if origin(h, v) {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}}
		}
		p.Report(f)
	}
	unset.report(p)
}

// addUnset puts a finding about a size that is not set to the others of its level.
func addUnset(unset *groups[*nginx.Scope], level *nginx.Scope, f lint.Finding) {
	g, fresh := unset.at(level)
	g.joint.add(f.Fix)
	if fresh {
		g.Finding = f
		return
	}
	g.Handoffs = append(g.Handoffs, f.Handoffs...)
	if len(g.Related) < maxRelated {
		g.Related = append(g.Related, source.Related{Span: f.Span, Message: "and this one"})
	}
}

// headerBufferFixes are the fixes by the level and module: thousands of hand-offs may share one.
type headerBufferFixes map[bufferLevel]*lint.Fix

type bufferLevel struct {
	scope  *nginx.Scope
	module string
}

// of raises the buffer where it is set, or at the hand-off where it is not.
func (x headerBufferFixes) of(h *stack.Handoff, v nginx.Value) *lint.Fix {
	at := bufferLevel{h.Scope, h.Module()}
	if !v.IsDefault {
		at.scope = v.Scope
	}
	if at.scope.Kind == "if" || at.scope.Kind == "limit_except" {
		at.scope = at.scope.Parent // buffers are not allowed there
	}
	fix, done := x[at]
	if !done {
		fix = headerBufferFix(at.scope, at.module)
		x[at] = fix
	}
	return fix
}

// headerBufferFix raises the buffer on a level, and the other sizes with it as far as nginx's
// arithmetic asks for it.
func headerBufferFix(at *nginx.Scope, name string) *lint.Fix {
	edits := at.SetEdits(name+"_buffer_size", "32k")
	busy := at.Effective(name + "_busy_buffers_size")
	if !roomy(at.Effective(name+"_buffers")) || !busy.IsDefault {
		edits = append(edits, at.SetEdits(name+"_buffers", "16 16k")...)
	}
	for _, size := range []string{"_busy_buffers_size", "_temp_file_write_size"} {
		if !at.Effective(name + size).IsDefault {
			edits = append(edits, at.SetEdits(name+size, "64k")...)
		}
	}
	limit, err := at.Effective(name + "_max_temp_file_size").Size()
	edits = mergeInserts(edits)
	if err != nil || limit > 0 && limit < 32<<10 || !allEditable(edits) || !buffersHold(at, name) {
		return nil
	}
	return &lint.Fix{Safe: true, Description: name + "_buffer_size 32k with buffers to match", Edits: edits}
}

func allEditable(edits []source.Edit) bool {
	for _, e := range edits {
		if !editable(e.Span.File) {
			return false
		}
	}
	return len(edits) > 0
}

// roomy says whether the buffers hold twice 32k and one buffer more.
func roomy(v nginx.Value) bool {
	if len(v.Args()) != 2 {
		return false
	}
	b, ok := readBuffers(v.Args()[0], v.Args()[1])
	return ok && (b.number-1)*b.each >= 64<<10
}

// buffersHold says whether no level below sets a part of the arithmetic for itself: there the
// new values could contradict the old ones.
func buffersHold(s *nginx.Scope, module string) bool {
	for _, c := range s.Children {
		for _, name := range []string{"_buffer_size", "_buffers", "_busy_buffers_size", "_temp_file_write_size", "_max_temp_file_size"} {
			if c.Find(module+name) != nil {
				return false
			}
		}
		if !buffersHold(c, module) {
			return false
		}
	}
	return true
}
