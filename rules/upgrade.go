package rules

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/stack"
)

// movedText moves a PHP version in a text to another: php8.2, php/8.2, php-8.2 and php82 become
// those of the other version. Other numbers stay.
func movedText(text, from, to string) string {
	for _, pair := range [][2]string{{from, to}, {strings.ReplaceAll(from, ".", ""), strings.ReplaceAll(to, ".", "")}} {
		re := regexp.MustCompile(`(?i)(php[-/_]?)` + regexp.QuoteMeta(pair[0]) + `([^0-9]|$)`)
		text = re.ReplaceAllString(text, "${1}"+pair[1]+"${2}")
	}
	return text
}

// counterpart is the pool of the same name in the tree that an upgrade leads to.
func counterpart(u *stack.Upgrade, name string) *fpm.Pool {
	for _, p := range u.To.Pools {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// reaching are the hand-offs with a backend at an address, and those backends.
func reaching(s *stack.Stack, a address.Address) (handoffs []*stack.Handoff, backends []*stack.Backend) {
	for _, h := range s.Handoffs {
		for _, b := range h.Backends {
			if b.Err == nil && b.External == "" && b.Address.Reaches(a) == address.Yes {
				handoffs = append(handoffs, h)
				backends = append(backends, b)
			}
		}
	}
	return handoffs, backends
}

// sideBySide says whether sites use the new version already while others use an older one: then
// versions may differ on purpose.
func sideBySide(s *stack.Stack) bool {
	for _, h := range s.Handoffs {
		for _, b := range h.Backends {
			if slices.ContainsFunc(b.Pools, func(m stack.PoolMatch) bool { return m.Pool.Master == s.Upgrade.To }) {
				return true
			}
		}
	}
	return false
}

// upgradeSeverity is how much what an older version still serves matters: sites that use different
// versions may do so on purpose, unless the move was asked for.
func upgradeSeverity(s *stack.Stack) lint.Severity {
	if sideBySide(s) && !s.Upgrade.Moving {
		return lint.Info
	}
	return lint.Warning
}

// listeners are the addresses at which pools that can run listen.
func taken(s *stack.Stack, a address.Address) bool {
	for _, p := range s.Pools() {
		if !p.Master.Serves() {
			continue
		}
		if addr, setting, err := p.Listen(); err == nil && setting.Unknown == "" && (a.Reaches(addr) == address.Yes || addr.Reaches(a) == address.Yes) {
			return true
		}
	}
	return false
}

// newSocket is a path for the pool's socket in the other version that no path names yet: with the
// version in its name.
func newSocket(old, pool, version string) string {
	return path.Join(path.Dir(old), "php"+version+"-fpm-"+pool+".sock")
}
