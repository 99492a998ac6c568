package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
)

//go:embed pool-runs-as-root.md
var poolRunsAsRootDoc string

// PoolRunsAsRoot reports pools whose workers are root's: PHP-FPM refuses to start, unless it was
// told to run as root, and then every hole in a script is root's.
var PoolRunsAsRoot = lint.Rule{
	ID:       "pool-runs-as-root",
	Severity: lint.Error,
	Family:   "exposure",
	Summary:  "a pool's workers run as root",
	Doc:      poolRunsAsRootDoc,
	Check:    checkPoolRunsAsRoot,
}

func checkPoolRunsAsRoot(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		user := pool.Get("user")
		switch {
		case user.Unknown != "":
			p.Skip("%s: %s", poolName(pool), user.Unknown)
		case isRoot(p, user.Text):
			f := lint.Finding{
				Message: fmt.Sprintf("%s runs as root (user = %s): php-fpm -t passes, the start fails with \"please specify user and group other than root\", and with --allow-to-run-as-root every script is root", poolName(pool), user.Text),
				Help:    "give the pool a user of its own, such as the site's owner",
				Span:    user.Span,
			}
			if file := p.Stack.RunsAsRoot(); file != "" {
				f.Severity = lint.Warning
				f.Message = fmt.Sprintf("%s runs as root (user = %s), as %s lets it: every script is root", poolName(pool), user.Text, file)
			}
			p.Report(f)
		}
	}
}

// isRoot says whether a user's name or number is 0.
func isRoot(p *lint.Pass, user string) bool {
	if u, ok := p.Stack.FPMHost.Users[user]; ok {
		return u.UID == 0
	}
	return user == "root" || user == "0"
}
