package rules

import (
	_ "embed"
	"fmt"
	"strconv"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

//go:embed file-limit.md
var fileLimitDoc string

// FileLimit reports limits on open files below what the connections or the workers need.
var FileLimit = lint.Rule{
	ID:       "file-limit",
	Severity: lint.Warning,
	Family:   "capacity",
	Summary:  "fewer files may be open than connections or workers need",
	Doc:      fileLimitDoc,
	Check:    checkFileLimit,
}

func checkFileLimit(p *lint.Pass) {
	for _, c := range p.Stack.Nginx {
		checkNginxFiles(p, c)
	}
	for _, m := range p.Stack.Masters {
		if m.Serves() {
			checkMasterFiles(p, m)
		}
	}
}

// checkNginxFiles compares what nginx itself warns of when it starts (ngx_event_process_init).
func checkNginxFiles(p *lint.Pass, c *nginx.Config) {
	limit := c.Main.Find("worker_rlimit_nofile")
	if limit == nil {
		return // the service manager's limit, which is not known here
	}
	for _, events := range c.Main.Children {
		if events.Kind != "events" {
			continue
		}
		connections := events.Effective("worker_connections")
		if connections.IsDefault {
			connections.Text = "512"
		}
		n, err1 := strconv.Atoi(connections.Text)
		files, err2 := strconv.Atoi(limit.Arg(0))
		if err1 != nil || err2 != nil || files >= n {
			continue
		}
		f := lint.Finding{
			Message: fmt.Sprintf("worker_rlimit_nofile %d is below worker_connections %d: a worker runs out of open files before it runs out of connections, and a hand-off takes two", files, n),
			Help:    fmt.Sprintf("set worker_rlimit_nofile %d, two for each connection", 2*n),
			Span:    limit.Span(),
		}
		if connections.Statement != nil {
			f.Related = []source.Related{{Span: connections.Span, Message: "the connections"}}
		}
		if editable(limit.Src) {
			f.Fix = &lint.Fix{Description: fmt.Sprintf("worker_rlimit_nofile %d", 2*n), Edits: []source.Edit{{Span: limit.ArgSpan(0), NewText: requote(limit.ArgSpan(0), itoa(2*n))}}}
		}
		p.Report(f)
	}
}

// ownFiles is more than the files that a master has open of its own: logs, the event queue, one
// socket for each pool of a small server.
const ownFiles = 16

// checkMasterFiles counts the pipes through which a master reads its workers' output: two for each
// (fpm_stdio_prepare_pipes). Without catch_workers_output there are none.
func checkMasterFiles(p *lint.Pass, m *fpm.Master) {
	s := m.Global("rlimit_files")
	limit, ok := m.GlobalInt("rlimit_files")
	if !ok || limit <= 0 {
		return
	}
	pipes, atStart := 0, 0
	for _, pool := range m.Pools {
		n, ok := pool.Int("pm.max_children")
		if caught, known := pool.Bool("catch_workers_output"); ok && known && caught {
			pipes += 2 * n
			atStart += 2 * started(pool, n)
		}
	}
	if limit >= pipes {
		return
	}
	f := lint.Finding{
		Message: fmt.Sprintf("rlimit_files = %d is below the %d pipes that the workers' output needs (catch_workers_output): PHP-FPM cannot start them all", limit, pipes),
		Help:    fmt.Sprintf("set rlimit_files = %d, two for each worker and some for the master", pipes+len(m.Pools)+ownFiles),
		Span:    s.Span,
	}
	if limit < atStart {
		// The master ends when it cannot start those that it begins with.
		f.Severity = lint.Error
		f.Message = fmt.Sprintf("rlimit_files = %d is below the %d pipes that the output of the first workers needs (catch_workers_output): PHP-FPM ends right after its start", limit, atStart)
	}
	if editable(s.Span.File) {
		f.Fix = &lint.Fix{Description: "as many files as the workers' output needs", Edits: m.SetEdits("rlimit_files", itoa(pipes+len(m.Pools)+ownFiles))}
	}
	p.Report(f)
}

// started says how many workers of a pool PHP-FPM begins with, at least.
func started(pool *fpm.Pool, maxChildren int) int {
	switch pool.Get("pm").Text {
	case "static":
		return maxChildren
	case "dynamic":
		if n, ok := pool.Int("pm.start_servers"); ok && n > 0 {
			return n
		}
		n, _ := pool.Int("pm.min_spare_servers") // fpm-config asks for it
		return n
	}
	return 0
}
