package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/lazy"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed wp-cron-web.md
var wpCronWebDoc string

// WPCronWeb reports WordPress sites that run their scheduled tasks in visitors' requests.
var WPCronWeb = lint.Rule{
	ID:       "wp-cron-web",
	Severity: lint.Info,
	Family:   "edge",
	Summary:  "WordPress runs its scheduled tasks when visitors come",
	Doc:      wpCronWebDoc,
	Check:    checkWPCronWeb,
}

func checkWPCronWeb(p *lint.Pass) {
	judged := map[*nginx.Scope]bool{}
	for _, h := range p.Stack.Handoffs {
		server := h.Scope.Server()
		if server == nil || judged[server] {
			continue
		}
		judged[server] = true
		config := p.Stack.WPConfig(server)
		if config == nil {
			continue
		}
		disabled, why := cronDisabled(config)
		if why != "" {
			p.Skip("%s: %s", config.Display, why)
		}
		if why != "" || disabled {
			continue
		}
		p.Report(lint.Finding{
			Message:  fmt.Sprintf("%s has no DISABLE_WP_CRON: WordPress runs due tasks through a request of its own to wp-cron.php, which takes a second worker of the pool while a visitor waits", config.Display),
			Help:     "define('DISABLE_WP_CRON', true) there, and run wp-cron.php from a system timer every few minutes",
			Span:     h.Pass.Span(),
			Handoffs: []*stack.Handoff{h},
		})
	}
}

var (
	cronDefine = lazy.Regexp(`(?mi)^[^/#*\n]*define\s*\(\s*['"]DISABLE_WP_CRON['"]\s*,\s*([^)\n]*)\)`)
	phpInclude = lazy.Regexp(`(?mi)^[^/#*\n]*\b(?:require|include)(?:_once)?\b([^;\n]*)`)
)

// cronDisabled reads whether a wp-config.php turns the tasks in requests off; why says what hides
// the answer. What is commented out does not count.
func cronDisabled(f *source.File) (disabled bool, why string) {
	if m := cronDefine().FindSubmatch(f.Data); m != nil {
		switch value := strings.ToLower(strings.Trim(strings.TrimSpace(string(m[1])), `'"`)); value {
		case "true", "1", "on", "yes":
			return true, ""
		case "false", "0", "":
			return false, ""
		}
		return false, "the value of DISABLE_WP_CRON is not constant"
	}
	for _, m := range phpInclude().FindAllSubmatch(f.Data, -1) {
		if !strings.Contains(string(m[1]), "wp-settings.php") {
			return false, "another file that it includes may define DISABLE_WP_CRON"
		}
	}
	return false, ""
}
