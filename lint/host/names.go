package host

import (
	"net/netip"
	"strings"

	"fpmlint/lint/source"
)

// readNames reads etc/hosts (hosts(5)). A name may stand on several lines.
func (f *Facts) readNames(root *source.Root) {
	data, ok := content(root, "/etc/hosts")
	if !ok {
		return
	}
	f.HasNames, f.names = true, map[string][]netip.Addr{}
	for line := range strings.Lines(data) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, name := range words[1:] {
			name = strings.ToLower(name)
			f.names[name] = append(f.names[name], ip)
		}
	}
}

// Addresses are those that etc/hosts gives a name; none where it does not have the name.
func (f *Facts) Addresses(name string) []netip.Addr { return f.names[strings.ToLower(name)] }
