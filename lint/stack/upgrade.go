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

// findUpgrade fills in the stack's upgrade where it holds several versions of PHP. Its error says
// why an upgrade that was asked for cannot be made. Where there is nothing to move a note says so.
func (s *Stack) findUpgrade(asked *UpgradeOptions) error {
	masters := slices.DeleteFunc(slices.Clone(s.Masters), func(m *fpm.Master) bool { return m.Version == "" })
	slices.SortStableFunc(masters, func(a, b *fpm.Master) int { return semver.Compare("v"+b.Version, "v"+a.Version) })
	u := &Upgrade{Asked: asked != nil, Moving: asked != nil && asked.From != ""}
	if asked == nil {
		asked = &UpgradeOptions{}
	} else if err := s.moveable(masters, asked); err != nil {
		return err
	}
	for _, m := range masters {
		if m.Serves() && (asked.To == "" || asked.To == m.Version) && asked.From != m.Version {
			u.To = m
			break
		}
	}
	for _, m := range masters {
		if u.To == nil || m == u.To || m.Version == u.To.Version || asked.From != "" && asked.From != m.Version || u.To.Family != m.Family {
			continue
		}
		// Without --from and --to, an upgrade leads to a newer version.
		if asked.From == "" && asked.To == "" && semver.Compare("v"+m.Version, "v"+u.To.Version) > 0 {
			continue
		}
		u.From = append(u.From, m)
	}
	switch {
	case len(u.From) > 0:
		s.Upgrade = u
	case u.Asked && len(masters) == 0:
		s.Notes = append(s.Notes, s.RootName+": the layout has one configuration for every version of PHP, so that there is nothing to move between versions")
	case u.Asked:
		s.Notes = append(s.Notes, fmt.Sprintf("%s: there is PHP %s only, so that there is nothing to move between versions", s.RootName, versions(masters)))
	}
	return nil
}

// moveable is an error where the versions of an upgrade are not there.
func (s *Stack) moveable(masters []*fpm.Master, asked *UpgradeOptions) error {
	for _, version := range []string{asked.From, asked.To} {
		if version != "" && !slices.ContainsFunc(masters, func(m *fpm.Master) bool { return m.Version == version }) {
			return fmt.Errorf("PHP %s is not configured under %s; there is %s", version, s.RootName, versions(masters))
		}
	}
	to := slices.IndexFunc(masters, func(m *fpm.Master) bool {
		return m.Version != asked.From && (asked.To == "" || m.Version == asked.To)
	})
	if to >= 0 && !slices.ContainsFunc(masters, func(m *fpm.Master) bool { return m.Version == masters[to].Version && m.Serves() }) {
		return fmt.Errorf("PHP %s's FPM is not installed under %s: install it, or give another version with --to", masters[to].Version, s.RootName)
	}
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
		return "one configuration for every version"
	}
	return strings.Join(out, ", ")
}
