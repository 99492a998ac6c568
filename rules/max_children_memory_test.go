package rules_test

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"fpmlint/lint"
	"fpmlint/lint/host"
	"fpmlint/lint/stack"
)

// TestMeasuredWorkers holds what running workers take to beat --worker-rss, pool by pool, and
// sizes that count shared memory twice to make no error.
func TestMeasuredWorkers(t *testing.T) {
	a := txtar.Parse([]byte(`
-- flags --
--ram 1G --worker-rss 10M
-- etc/php/8.2/fpm/php-fpm.conf --
[a]
listen = /run/a
pm = static
pm.max_children = 20
[b]
listen = /run/b
pm = static
pm.max_children = 10
`))
	for name, c := range map[string]struct {
		workers  []host.Worker
		severity lint.Severity
		message  string
	}{
		"none":         {nil, 0, ""},
		"proportional": {[]host.Worker{{Pool: "a", PID: 1, Memory: 80 << 20, Proportional: true}, {Pool: "a", PID: 2, Memory: 40 << 20, Proportional: true}}, lint.Error, "30 workers of 2 pools take 1.3 GiB"},
		"resident":     {[]host.Worker{{Pool: "a", PID: 1, Memory: 80 << 20}}, 0, ""},
		"another pool": {[]host.Worker{{Pool: "c", PID: 1, Memory: 80 << 20, Proportional: true}}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			stacks, err := stack.Load(context.Background(), loadOptions(t, a, extract(t, a)))
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.workers {
				c.workers[i].Conf = "/etc/php/8.2/fpm/php-fpm.conf"
			}
			stacks[0].FPMHost.Workers = c.workers
			r, err := lint.Run(context.Background(), stacks, []lint.Rule{rule(t, "max-children-memory")})
			if err != nil {
				t.Fatal(err)
			}
			if c.message == "" {
				if len(r.Findings) > 0 {
					t.Errorf("found: %s", r.Findings[0].Message)
				}
				return
			}
			if len(r.Findings) != 1 || r.Findings[0].Severity != c.severity || !strings.HasPrefix(r.Findings[0].Message, c.message) {
				t.Errorf("found %+v, want %s", r.Findings, c.message)
			}
		})
	}
}
