package rules

import (
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed listen-allowed-clients.md
var listenAllowedClientsDoc string

// ListenAllowedClients reports pools that drop nginx's connections.
var ListenAllowedClients = lint.Rule{
	ID:       "listen-allowed-clients",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "listen.allowed_clients leaves nginx out, or holds what is no address",
	Doc:      listenAllowedClientsDoc,
	Check:    checkListenAllowedClients,
}

// clients is a pool's listen.allowed_clients as FPM reads it (fcgi_set_allowed_clients).
type clients struct {
	setting fpm.Setting
	valid   []netip.Addr
	invalid []string
	// mended are the entries as they were meant; nil where that is not plain.
	mended []string
}

// visitors are the hand-offs that reach a pool.
type visitors struct {
	loopback []netip.Addr     // where nginx certainly comes from
	either   bool             // over localhost, from one of the two
	other    *stack.Backend   // one that comes from an address that is not known
	remote   *stack.Backend   // one from another host or container, and not over loopback
	first    *stack.Backend   // the first over loopback
	handoffs []*stack.Handoff // those of loopback, either and remote
}

func checkListenAllowedClients(p *lint.Pass) {
	visits := poolVisitors(p.Stack)
	for _, pool := range servingPools(p.Stack) {
		addr, listen, err := pool.Listen()
		setting := pool.Get("listen.allowed_clients")
		if err != nil || listen.Unknown != "" || addr.IsZero() || addr.IsUnix() || setting.Text == "" {
			continue // FPM looks at it for TCP only
		}
		if setting.Unknown != "" {
			p.Skip("%s: %s", poolName(pool), setting.Unknown)
			continue
		}
		v := visits[pool]
		if v == nil {
			v = &visitors{}
		}
		judgeClients(p, pool, readClients(setting), v)
	}
}

// readClients splits at commas as FPM does: a space makes an entry invalid, as a name or a range
// does. Empty entries have no effect.
func readClients(s fpm.Setting) *clients {
	c := &clients{setting: s, mended: []string{}}
	for entry := range strings.SplitSeq(s.Text, ",") {
		if entry == "" {
			continue
		}
		if ip, err := netip.ParseAddr(entry); err == nil && ip.Zone() == "" {
			c.valid = append(c.valid, ip.Unmap())
			if c.mended != nil {
				c.mended = append(c.mended, entry)
			}
			continue
		}
		c.invalid = append(c.invalid, fmt.Sprintf("%q", entry))
		meant := meantClients(strings.TrimSpace(entry))
		if meant == nil {
			c.mended = nil
		} else if c.mended != nil {
			c.mended = append(c.mended, meant...)
		}
	}
	return c
}

// meantClients are the addresses that an entry stands for, nil where FPM has no way to say it.
func meantClients(entry string) []string {
	if entry == "localhost" {
		return []string{"127.0.0.1", "::1"}
	}
	if prefix, err := netip.ParsePrefix(entry); err == nil && prefix.IsSingleIP() {
		return []string{prefix.Addr().String()}
	}
	if ip, err := netip.ParseAddr(entry); err == nil && ip.Zone() == "" {
		return []string{entry}
	}
	return nil
}

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

// poolVisitors collects for each pool from where nginx comes. The kernel gives every connection
// to 127.0.0.0/8 the source 127.0.0.1.
func poolVisitors(st *stack.Stack) map[*fpm.Pool]*visitors {
	out := map[*fpm.Pool]*visitors{}
	for _, h := range st.Handoffs {
		for _, b := range h.Backends {
			for _, m := range b.Pools {
				if b.Address.IsUnix() || b.Server != nil && b.Server.Down {
					continue
				}
				v := out[m.Pool]
				if v == nil {
					v = &visitors{}
					out[m.Pool] = v
				}
				v.add(st, h, b, m)
			}
		}
	}
	return out
}

func (v *visitors) add(st *stack.Stack, h *stack.Handoff, b *stack.Backend, m stack.PoolMatch) {
	switch {
	case m.Match < address.Partly:
		v.other = b
		return
	case st.Split:
		v.remote = b
	case b.Address.Host == "localhost":
		v.either = true
	case b.Address.IsIPv6() && b.Address.IsLoopback():
		v.loopback = appendIP(v.loopback, loopback6)
	case b.Address.IsLoopback():
		v.loopback = appendIP(v.loopback, loopback4)
	default:
		v.other = b // from which of its addresses nginx comes depends on routes
		return
	}
	if v.first == nil && v.remote == nil {
		v.first = b
	}
	v.handoffs = append(v.handoffs, h)
}

func appendIP(list []netip.Addr, ip netip.Addr) []netip.Addr {
	if slices.Contains(list, ip) {
		return list
	}
	return append(list, ip)
}

// missing are the addresses of nginx that the list leaves out.
func (c *clients) missing(v *visitors) []netip.Addr {
	var out []netip.Addr
	for _, ip := range v.loopback {
		if !slices.Contains(c.valid, ip) {
			out = append(out, ip)
		}
	}
	if v.either && !slices.Contains(c.valid, loopback4) && !slices.Contains(c.valid, loopback6) {
		out = appendIP(out, loopback4)
	}
	return out
}

func (c *clients) onlyLoopback() bool {
	return !slices.ContainsFunc(c.valid, func(ip netip.Addr) bool { return !ip.IsLoopback() })
}

func judgeClients(p *lint.Pass, pool *fpm.Pool, c *clients, v *visitors) {
	missing := c.missing(v)
	f := lint.Finding{Span: c.setting.Span, Handoffs: v.handoffs,
		Help: "list each address that may connect, with commas and no spaces between them; ranges and names do not count"}
	void := ""
	if len(c.invalid) > 0 {
		void = fmt.Sprintf("%s in it %s no address and %s for nothing", strings.Join(c.invalid, ", "), verb(c.invalid, "is", "are"), verb(c.invalid, "counts", "count"))
	}
	switch {
	case len(missing) > 0:
		f.Message = fmt.Sprintf("listen.allowed_clients of %s leaves out %s, from where nginx comes: every connection is dropped", poolName(pool), missing[0])
	case v.remote != nil && c.onlyLoopback():
		f.Message = fmt.Sprintf("listen.allowed_clients of %s holds loopback addresses only, and nginx comes from another container: every connection is dropped", poolName(pool))
	case len(c.valid) == 0:
		f.Message = fmt.Sprintf("listen.allowed_clients of %s holds no address: every connection is dropped", poolName(pool))
	case void != "":
		f.Severity = lint.Warning
		f.Message = fmt.Sprintf("listen.allowed_clients of %s: %s", poolName(pool), void)
		void = ""
	default:
		if at := v.remote; at != nil || v.other != nil {
			if at == nil {
				at = v.other
			}
			p.Skip("%s: from which address nginx comes to %s is not known, so whether listen.allowed_clients lets it in is not either", place(at.Span), at.Text)
		}
		return
	}
	if void != "" {
		f.Message += "; " + void
	}
	if v.first != nil {
		f.Related = []source.Related{{Span: v.first.Span, Message: "nginx connects from here"}}
	}
	f.Fix = clientsFix(pool, c, v)
	p.Report(f)
}

func verb(list []string, one, many string) string {
	if len(list) == 1 {
		return one
	}
	return many
}

// clientsFix writes the list as it was meant and adds where nginx comes from.
func clientsFix(pool *fpm.Pool, c *clients, v *visitors) *lint.Fix {
	if c.mended == nil || v.remote != nil && c.onlyLoopback() {
		return nil
	}
	fixed := readClients(fpm.Setting{Text: strings.Join(c.mended, ",")})
	list := c.mended
	for _, ip := range fixed.missing(v) {
		list = append(list, ip.String())
	}
	edits := pool.SetEdits("listen.allowed_clients", strings.Join(list, ","))
	if !allEditable(edits) {
		return nil
	}
	return &lint.Fix{Safe: true, Description: "listen.allowed_clients = " + strings.Join(list, ","), Edits: edits}
}
