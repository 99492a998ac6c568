package rules

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed cache-stampede.md
var cacheStampedeDoc string

// CacheStampede reports caches whose empty or expired pages all visitors ask PHP for at once.
var CacheStampede = lint.Rule{
	ID:       "cache-stampede",
	Severity: lint.Info,
	Family:   "edge",
	Summary:  "when a cached page ends, all its visitors reach PHP at once",
	Doc:      cacheStampedeDoc,
	Check:    checkCacheStampede,
}

func checkCacheStampede(p *lint.Pass) {
	type settings struct{ cache, lock, stale *nginx.Statement }
	found := map[settings]lint.Finding{} // they may hold for thousands of hand-offs
	for _, h := range p.Stack.Handoffs {
		cache := h.Scope.Effective("fastcgi_cache")
		if cache.IsDefault || cache.Text == "off" {
			continue
		}
		lock, stale := h.Scope.Effective("fastcgi_cache_lock"), h.Scope.Effective("fastcgi_cache_use_stale")
		key := settings{cache.Statement, lock.Statement, stale.Statement}
		f, done := found[key]
		if !done {
			f = stampede(cache, lock, stale)
			found[key] = f
		}
		if f.Message == "" {
			continue
		}
		f.Handoffs = []*stack.Handoff{h}
		if origin(h, cache) {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}}
		}
		p.Report(f)
	}
}

// stampede is the finding about a cache, without a message where it lacks nothing.
func stampede(cache, lock, stale nginx.Value) lint.Finding {
	var lacks, fixes []string
	var edits []source.Edit
	if !lock.On() {
		lacks, fixes = append(lacks, "fastcgi_cache_lock, for a page that is not in the cache yet"), append(fixes, "fastcgi_cache_lock on")
		at := cmp.Or(lock.Scope, cache.Scope)
		edits = append(edits, at.SetEdits("fastcgi_cache_lock", "on")...)
	}
	if !slices.Contains(stale.Args(), "updating") {
		words := []string{"error", "timeout"}
		if !stale.IsDefault {
			words = slices.DeleteFunc(slices.Clone(stale.Args()), func(w string) bool { return w == "off" })
		}
		value := strings.Join(append(words, "updating"), " ")
		lacks, fixes = append(lacks, "fastcgi_cache_use_stale updating, for one that has expired"), append(fixes, "fastcgi_cache_use_stale "+value)
		edits = append(edits, cmp.Or(stale.Scope, cache.Scope).SetEdits("fastcgi_cache_use_stale", value)...)
	}
	if len(lacks) == 0 {
		return lint.Finding{}
	}
	f := lint.Finding{
		Message: fmt.Sprintf("fastcgi_cache %s lacks %s: every visitor who asks for it meanwhile takes a worker", cache.Text, strings.Join(lacks, ", and ")),
		Help:    "set " + strings.Join(fixes, " and "),
		Span:    cache.Span,
	}
	if edits = mergeInserts(edits); allEditable(edits) {
		f.Fix = &lint.Fix{Safe: true, Description: "let one request at a time renew a page", Edits: edits}
	}
	return f
}
