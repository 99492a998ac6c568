package rules

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

//go:embed cloudflare-ranges.md
var cloudflareRangesDoc string

//go:embed cloudflare-ranges.txt
var cloudflareRangesText string

// cloudflareRanges are Cloudflare's published ranges, as of cloudflareDate.
var (
	cloudflareRanges = parseRanges(cloudflareRangesText)
	cloudflareDate   = "2023-09-28"
)

// cloudflareWithdrawn are ranges that Cloudflare published once and does not any more.
var cloudflareWithdrawn = parseRanges("199.27.128.0/21 204.93.177.0/24 204.93.240.0/24 104.16.0.0/12")

// parseRanges reads addresses in CIDR notation; lines that begin with # and words that are no range
// are left out.
func parseRanges(text string) []netip.Prefix {
	var out []netip.Prefix
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }) {
			if r, err := netip.ParsePrefix(word); err == nil {
				out = append(out, r.Masked())
			}
		}
	}
	return out
}

// CloudflareRanges reports lists of Cloudflare's addresses that are out of date.
var CloudflareRanges = lint.Rule{
	ID:       "cloudflare-ranges",
	Severity: lint.Warning,
	Family:   "edge",
	Summary:  "a list of Cloudflare's addresses is out of date",
	Doc:      cloudflareRangesDoc,
	Options: []lint.Option{{
		Name: "ranges", Kind: lint.Text, Default: "",
		Doc: "Cloudflare's ranges with spaces or commas between them, in place of those published as of " + cloudflareDate,
	}},
	Check: checkCloudflareRanges,
}

// listed is one entry of a list of addresses.
type listed struct {
	statement *nginx.Statement
	prefix    netip.Prefix
}

func checkCloudflareRanges(p *lint.Pass) {
	published := cloudflareRanges
	date := "as of " + cloudflareDate
	if own := parseRanges(p.Text("ranges")); len(own) > 0 {
		published, date = own, "as given"
	}
	var found rangeLists
	for _, c := range p.Stack.Nginx {
		for scope := range c.Having("set_real_ip_from", "allow") {
			for _, name := range []string{"set_real_ip_from", "allow"} {
				found.check(p, scope, addresses(scope.FindAll(name), 0), published, date)
			}
		}
		for scope := range c.Scopes {
			if scope.Kind == "geo" {
				found.check(p, scope, addresses(scope.Directives, -1), published, date)
			}
		}
	}
	found.report(p)
}

// rangeLists makes one finding of the copies of a list that a repository holds.
type rangeLists struct{ groups[rangeKey] }

type rangeKey struct {
	message string
	alone   source.Span // the list's, where it is a finding of its own
	fixed   bool
}

func (g *rangeLists) add(p *lint.Pass, f lint.Finding) {
	key := rangeKey{message: f.Message, fixed: f.Fix != nil}
	if !p.Stack.Loose || bytes.Contains(f.Span.File.Data, []byte("fpmlint:")) {
		key.alone = f.Span
	}
	have, fresh := g.at(key)
	have.joint.add(f.Fix)
	if fresh {
		have.Finding = f
	} else if len(have.Related) < maxRelated {
		have.Related = append(have.Related, source.Related{Span: f.Span, Message: "and this list"})
	}
}

// addresses are the entries of a list; the address is an argument, or the name for -1.
func addresses(list []*nginx.Statement, arg int) []listed {
	var out []listed
	for _, d := range list {
		text := d.Name
		if arg >= 0 {
			text = d.Arg(arg)
		}
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); err != nil && addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err == nil {
			out = append(out, listed{d, prefix.Masked()})
		}
	}
	return out
}

// check judges a list that names several of Cloudflare's ranges. The families are judged
// apart: a list for IPv4 alone is whole where Cloudflare reaches the server by IPv4 alone.
func (g *rangeLists) check(p *lint.Pass, scope *nginx.Scope, list []listed, published []netip.Prefix, date string) {
	for _, v6 := range []bool{false, true} {
		var hits, withdrawn []listed
		for _, l := range list {
			if l.prefix.Addr().Is6() != v6 {
				continue
			}
			switch {
			case slices.Contains(published, l.prefix):
				hits = append(hits, l)
			case slices.Contains(cloudflareWithdrawn, l.prefix):
				withdrawn = append(withdrawn, l)
			}
		}
		if len(hits) < 3 {
			continue // a single range may be there for a reason of its own
		}
		var missing []netip.Prefix
		for _, r := range published {
			if r.Addr().Is6() == v6 && !slices.ContainsFunc(list, func(l listed) bool { return covers(l.prefix, r) && !slices.Contains(withdrawn, l) }) {
				missing = append(missing, r)
			}
		}
		if len(missing)+len(withdrawn) > 0 {
			g.add(p, rangesFinding(scope, hits, withdrawn, missing, date))
		}
	}
}

// covers says whether a range contains another.
func covers(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

func rangesFinding(scope *nginx.Scope, hits, withdrawn []listed, missing []netip.Prefix, date string) lint.Finding {
	var lacking, old, holds []string
	for _, r := range missing {
		if !slices.ContainsFunc(withdrawn, func(w listed) bool { return covers(w.prefix, r) }) {
			lacking = append(lacking, r.String())
		}
	}
	for _, w := range withdrawn {
		kept := slices.DeleteFunc(slices.Clone(missing), func(r netip.Prefix) bool { return !covers(w.prefix, r) })
		if len(kept) > 0 {
			holds = append(holds, fmt.Sprintf("%s, of which Cloudflare has kept %s", w.prefix, prefixes(kept)))
		} else {
			old = append(old, w.prefix.String())
		}
	}
	var faults []string
	if len(lacking) > 0 {
		faults = append(faults, "lacks "+strings.Join(lacking, ", "))
	}
	if len(old) > 0 {
		holds = append(holds, strings.Join(old, ", ")+", which Cloudflare has withdrawn")
	}
	if len(holds) > 0 {
		faults = append(faults, "holds "+strings.Join(holds, ", and "))
	}
	first := hits[0].statement
	f := lint.Finding{
		Message: fmt.Sprintf("this list of Cloudflare's addresses %s (published ranges %s)", strings.Join(faults, " and "), date),
		Help:    "take the list from https://www.cloudflare.com/ips/ and write it by a script, so that it stays right",
		Span:    first.Span(),
	}
	var edits []source.Edit
	if len(missing) > 0 {
		edits = scope.InsertBefore(first, entries(first, missing))
	}
	for _, w := range withdrawn {
		f.Related = append(f.Related, source.Related{Span: w.statement.Span(), Message: "withdrawn"})
		edits = append(edits, w.statement.RemoveEdits()...)
	}
	if allEditable(edits) {
		f.Fix = &lint.Fix{Description: "bring the list up to date", Edits: edits}
	}
	return f
}

// entries writes new lines like an entry that is there.
func entries(like *nginx.Statement, ranges []netip.Prefix) string {
	lines := make([]string, len(ranges))
	for i, r := range ranges {
		lines[i] = r.String()
		if like.Name == "set_real_ip_from" || like.Name == "allow" {
			lines[i] = like.Name + " " + r.String()
		} else if len(like.Args) > 0 {
			lines[i] += " " + like.ArgSpan(0).Text()
		}
		lines[i] += ";"
	}
	return strings.Join(lines, "\n")
}

func prefixes(ranges []netip.Prefix) string {
	out := make([]string, len(ranges))
	for i, r := range ranges {
		out[i] = r.String()
	}
	return strings.Join(out, " and ")
}
