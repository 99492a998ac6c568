package rules

import (
	"cmp"
	_ "embed"
	"fmt"

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
	apps := applications{stack: p.Stack}
	var unset groups[*nginx.Scope] // one finding for each site, and one for all that nothing is known of
	for _, h := range p.Stack.Handoffs {
		v := h.Scope.Effective("fastcgi_buffer_size")
		n, err := v.Size()
		if err != nil || isProbe(h) || !v.IsDefault && n >= safeBuffer {
			continue
		}
		f := lint.Finding{
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
			Help:     "set fastcgi_buffer_size 32k and fastcgi_buffers 16 16k; fastcgi_buffers alone does not help, headers must fit into the one buffer",
			Fix:      headerBufferFix(h, v),
		}
		server := cmp.Or(h.Scope.Server(), h.Scope)
		app := apps.name(server)
		switch {
		case v.IsDefault && app == "":
			f.Span = h.Pass.Span()
			f.Severity = lint.Info
			f.Message = "fastcgi_buffer_size is at its default of one page (4k or 8k): a response whose headers do not fit ends in a 502"
			addUnset(&unset, h.Config.Main, f)
			continue
		case v.IsDefault:
			f.Span = h.Pass.Span()
			f.Message = fmt.Sprintf("fastcgi_buffer_size is at its default of one page (4k or 8k), and %s sends large headers: a response whose headers do not fit ends in a 502", app)
			addUnset(&unset, server, f)
			continue
		case app != "":
			f.Message = fmt.Sprintf("fastcgi_buffer_size %s, and %s sends large headers: a response whose headers do not fit ends in a 502", v.Text, app)
		case n < lowBuffer:
			f.Message = fmt.Sprintf("fastcgi_buffer_size %s: a response whose headers do not fit ends in a 502", v.Text)
		default:
			f.Severity = lint.Info
			f.Message = fmt.Sprintf("fastcgi_buffer_size %s holds common headers; large cookies or policies need 16k or more", v.Text)
		}
		if origin(h, v) && !v.IsDefault {
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

// headerBufferFix raises the buffer where it is set, or at the hand-off where it is not, and the
// other sizes with it as far as nginx's arithmetic asks for it.
func headerBufferFix(h *stack.Handoff, v nginx.Value) *lint.Fix {
	at := h.Scope
	if !v.IsDefault {
		at = v.Scope
	}
	if at.Kind == "if" || at.Kind == "limit_except" {
		at = at.Parent // buffers are not allowed there
	}
	edits := at.SetEdits("fastcgi_buffer_size", "32k")
	buffers := h.Scope.Effective("fastcgi_buffers")
	if roomy(buffers) && at.Effective("fastcgi_busy_buffers_size").IsDefault {
		// 16 x 16k and the like already hold twice the new buffer
	} else {
		edits = append(edits, at.SetEdits("fastcgi_buffers", "16 16k")...)
		for _, name := range []string{"fastcgi_busy_buffers_size", "fastcgi_temp_file_write_size"} {
			if set := at.Effective(name); !set.IsDefault && set.Scope == at {
				edits = append(edits, at.SetEdits(name, "64k")...)
			}
		}
	}
	edits = mergeInserts(edits)
	if !allEditable(edits) || !buffersHold(at) {
		return nil
	}
	return &lint.Fix{Safe: true, Description: "fastcgi_buffer_size 32k with buffers to match", Edits: edits}
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
	if len(v.Args) != 2 {
		return false
	}
	b, ok := readBuffers(v.Args[0], v.Args[1])
	return ok && (b.number-1)*b.each >= 64<<10
}

// buffersHold says whether no level below sets a part of the arithmetic for itself: there the
// new values could contradict the old ones.
func buffersHold(s *nginx.Scope) bool {
	for _, c := range s.Children {
		for _, name := range []string{"fastcgi_buffer_size", "fastcgi_buffers", "fastcgi_busy_buffers_size", "fastcgi_temp_file_write_size", "fastcgi_max_temp_file_size"} {
			if c.Find(name) != nil {
				return false
			}
		}
		if !buffersHold(c) {
			return false
		}
	}
	return true
}
