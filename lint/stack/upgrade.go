package stack

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"fpmlint/lint/fpm"
)

// Upgrade is a change of PHP's version: the trees that sites come from, and the one they go to.
type Upgrade struct {
	// To is the tree to go to: the newest installed one, unless another was asked for.
	To *fpm.Master
	// From are the other trees with pools, the newest first; the one that was asked for alone.
	From []*fpm.Master
	// Asked says that the change was asked for, Moving that all of From is to move, working sites
	// too, since From was named.
	Asked, Moving bool
}

// UpgradeOptions ask for an upgrade. Versions that are not given are found.
type UpgradeOptions struct{ From, To string }

// findUpgrade fills in the stack's upgrade where it holds several versions of PHP.
func (s *Stack) findUpgrade(asked *UpgradeOptions) error {
	masters := slices.DeleteFunc(slices.Clone(s.Masters), func(m *fpm.Master) bool { return m.Version == "" })
	slices.SortStableFunc(masters, func(a, b *fpm.Master) int { return semver.Compare("v"+b.Version, "v"+a.Version) })
	u := &Upgrade{Asked: asked != nil, Moving: asked != nil && asked.From != ""}
	for _, m := range masters {
		switch {
		case u.To != nil, asked != nil && asked.To != "" && asked.To != m.Version, asked != nil && asked.From == m.Version:
		case m.Serves():
			u.To = m
		case asked != nil && asked.To != "":
			return fmt.Errorf("PHP %s's FPM is not installed under %s, so that nothing can be moved to it", m.Version, s.RootName)
		}
	}
	if asked != nil && u.To == nil {
		if asked.To != "" {
			return fmt.Errorf("PHP %s is not configured under %s; there is %s", asked.To, s.RootName, versions(masters))
		}
		return fmt.Errorf("no version of PHP to move to under %s; there is %s", s.RootName, versions(masters))
	}
	for _, m := range masters {
		if m == u.To || asked != nil && asked.From != "" && asked.From != m.Version || u.To == nil || u.To.Family != m.Family {
			continue
		}
		// Without --from and --to, an upgrade leads to a newer version.
		if (asked == nil || asked.From == "" && asked.To == "") && semver.Compare("v"+m.Version, "v"+u.To.Version) >= 0 {
			continue
		}
		u.From = append(u.From, m)
	}
	if len(u.From) == 0 {
		if asked != nil {
			return fmt.Errorf("no version of PHP to move to %s from under %s; there is %s", u.To.Version, s.RootName, versions(masters))
		}
		return nil
	}
	s.Upgrade = u
	return nil
}

func versions(masters []*fpm.Master) string {
	var out []string
	for _, m := range masters {
		if !slices.Contains(out, m.Version) {
			out = append(out, m.Version)
		}
	}
	if len(out) == 0 {
		return "no version"
	}
	return strings.Join(out, ", ")
}
