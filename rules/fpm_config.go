package rules

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/source"
)

//go:embed fpm-config.md
var fpmConfigDoc string

// FPMConfig reports what php-fpm -t refuses although the grammar allows it, and what it does not
// see although php-fpm does not start with it.
var FPMConfig = lint.Rule{
	ID:       "fpm-config",
	Severity: lint.Error,
	Family:   "start",
	Summary:  "php-fpm refuses a setting",
	Doc:      fpmConfigDoc,
	Check:    checkFPMConfig,
}

func checkFPMConfig(p *lint.Pass) {
	reportProblems(p, source.Invalid, source.Limit)
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		for _, problem := range m.Problems {
			if problem.Kind == source.Unread || problem.Kind == source.Denied {
				p.Skip("%s:%d: %s", problem.Span.File.Display, problem.Span.Position().Line, problem.Message)
			}
		}
		for _, pool := range m.Pools {
			if missing := pool.Missing(); len(missing) > 0 {
				p.Skip("%s: pool %s has no %s here: the rest of the configuration is not among the files", pool.Header.File.Display, pool.Name, strings.Join(missing, ", "))
			}
			checkAccounts(p, pool)
			checkListenDir(p, pool)
			checkPlaces(p, pool)
		}
	}
	for _, log := range p.Stack.MissingLogs {
		if log.Master.Serves() {
			p.Report(lint.Finding{
				Message: fmt.Sprintf("unable to open %s = %s: the directory %s is not there", log.Setting.Entry.Key, log.Setting.Text, log.Dir),
				Help:    "create " + log.Dir + "; " + noStart,
				Span:    log.Setting.Span,
			})
		}
	}
}

// checkAccounts looks up the users and groups that FPM looks up when it starts
// (fpm_unix_conf_wp, fpm_unix_resolve_socket_permissions).
func checkAccounts(p *lint.Pass, pool *fpm.Pool) {
	h := p.Stack.FPMHost
	for _, key := range []string{"user", "listen.owner"} {
		if s := pool.Get(key); named(s) && h.HasUsers && !isNumber(s.Text) {
			if _, ok := h.Users[s.Text]; !ok {
				reportAccount(p, pool, s, key, "uid", "user", "etc/passwd", h)
			}
		}
	}
	for _, key := range []string{"group", "listen.group"} {
		if s := pool.Get(key); named(s) && h.HasGroups && !isNumber(s.Text) {
			if _, ok := h.Groups[s.Text]; !ok {
				reportAccount(p, pool, s, key, "gid", "group", "etc/group", h)
			}
		}
	}
	if s := pool.Get("user"); named(s) && !h.HasUsers {
		p.Skip("users are unknown: the root has no etc/passwd")
	}
}

// reportAccount is an error where the accounts are those of the running machine. A snapshot's
// passwd may be that of a base image, and accounts may come from a directory service.
func reportAccount(p *lint.Pass, pool *fpm.Pool, s fpm.Setting, key, id, what, file string, h *host.Facts) {
	if (key == "listen.owner" || key == "listen.group") && !listensOnSocket(pool) {
		return
	}
	p.Report(lint.Finding{
		Message: fmt.Sprintf("[pool %s] cannot get %s for %s '%s': %s has no such %s", pool.Name, id, what, s.Text, file, what),
		Help:    noStart,
		Span:    s.Span,
	})
}

func named(s fpm.Setting) bool { return s.Unknown == "" && s.Text != "" && !s.Span.IsZero() }

func listensOnSocket(pool *fpm.Pool) bool {
	addr, s, err := pool.Listen()
	return s.Unknown == "" && err == nil && addr.IsUnix()
}

// checkPlaces looks for the directories that FPM looks for on this machine (fpm_conf_process_all_pools).
func checkPlaces(p *lint.Pass, pool *fpm.Pool) {
	if !p.Stack.Live || pool.Get("prefix").Text != "" && pool.Get("prefix").Unknown != "" {
		return
	}
	m := pool.Master
	base := path.Join(m.Prefix, pool.Get("prefix").Text)
	if path.IsAbs(pool.Get("prefix").Text) {
		base = pool.Get("prefix").Text
	}
	below := func(dir string) string {
		if path.IsAbs(dir) {
			return dir
		}
		return path.Join(base, dir)
	}
	missing := func(s fpm.Setting, what, dir, within string) bool {
		if !named(s) {
			return s.Unknown != ""
		}
		info, err := m.Root.Stat(path.Join(within, dir))
		if !errors.Is(err, fs.ErrNotExist) && (err != nil || info.IsDir()) {
			return false
		}
		what = fmt.Sprintf("the %s '%s'", what, dir)
		if within != "" {
			what += fmt.Sprintf(" within the chroot path '%s'", within)
		}
		p.Report(lint.Finding{
			Message: fmt.Sprintf("[pool %s] %s does not exist or is not a directory", pool.Name, what),
			Help:    "create it; " + noStart,
			Span:    s.Span,
		})
		return true
	}
	if missing(pool.Get("prefix"), "prefix", base, "") {
		return
	}
	root := ""
	if s := pool.Get("chroot"); s.Text != "" || s.Unknown != "" {
		root = strings.Replace(s.Text, "$prefix", base, 1)
		root = below(root)
		if missing(s, "chroot path", root, "") {
			return
		}
	}
	missing(pool.Get("chdir"), "chdir path", below(pool.Get("chdir").Text), root)
}

// checkListenDir looks for the directory of a pool's socket. php-fpm -t does not; the start fails.
func checkListenDir(p *lint.Pass, pool *fpm.Pool) {
	dir := p.Stack.MissingDirs[pool]
	if dir == "" {
		return
	}
	_, s, _ := pool.Listen()
	p.Report(lint.Finding{
		Message: fmt.Sprintf("[pool %s] unable to bind listening socket for address '%s': the directory %s is not there", pool.Name, s.Text, dir),
		Help:    "create " + dir + "; php-fpm -t does not look for it, the start fails",
		Span:    s.Span,
	})
}
