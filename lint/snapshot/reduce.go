package snapshot

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"fpmlint/lint/lazy"
)

const notConfiguration = "it is no configuration of nginx or PHP-FPM"

// reduce keeps of a file that is no configuration what rules ask of it.
func reduce(p string, data []byte) (kept []byte, reason string) {
	text := string(data)
	switch {
	case p == "/etc/passwd":
		return lines(text, func(l string) string { return fields(l, 7, 0, 2, 3) }), ""
	case p == "/etc/group":
		return lines(text, func(l string) string { return fields(l, 4, 0, 2, 3) }), ""
	case p == "/etc/nsswitch.conf", p == "/etc/hosts":
		return lines(text, func(l string) string { l, _, _ = strings.Cut(l, "#"); return l }), ""
	case p == "/proc/meminfo":
		return lines(text, prefixed("MemTotal:")), ""
	case strings.HasPrefix(p, "/proc/sys/") && len(text) <= 64, p == "/sys/devices/system/cpu/online":
		return data, ""
	case strings.Contains(p, "/systemd/system/"):
		return lines(text, prefixed("[", "ExecStart=", "Restart=", "PrivateTmp=", "JoinsNamespaceOf=")), ""
	case p == "/proc/net/tcp", p == "/proc/net/tcp6":
		return lines(text, listener), ""
	case path.Base(p) == "wp-config.php":
		return lines(text, wpLine), ""
	}
	return nil, notConfiguration
}

// prefixed keeps the lines with one of the beginnings.
func prefixed(beginnings ...string) func(string) string {
	return func(l string) string {
		for _, b := range beginnings {
			if strings.HasPrefix(l, b) {
				return l
			}
		}
		return ""
	}
}

// lines keeps what a function leaves of each line; the lines keep their numbers.
func lines(text string, keep func(string) string) []byte {
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, l := range all {
		all[i] = keep(l)
	}
	return []byte(strings.Join(all, "\n") + "\n")
}

// fields keeps some of a line's fields and puts nothing in place of the others.
func fields(line string, n int, kept ...int) string {
	in, out := strings.Split(line, ":"), make([]string, n)
	if len(in) < 3 {
		return ""
	}
	for _, k := range kept {
		if k < len(in) {
			out[k] = in[k]
		}
	}
	if out[1] = "x"; strings.ContainsAny(in[0][:min(1, len(in[0]))], "#") {
		return "" // a comment may say anything
	}
	return strings.Join(out, ":")
}

// listener keeps of a line of proc/net/tcp the address, where somebody listens there.
func listener(line string) string {
	const listen = "0A" // TCP_LISTEN
	if f := strings.Fields(line); len(f) > 3 && f[3] == listen {
		return strings.Join(f[:4], " ")
	}
	return ""
}

var (
	// wpDefine is a switch that wp-config.php defines; wpInclude is another file that may.
	wpDefine  = lazy.Regexp(`(?i)^[^/#*]*define\s*\(\s*['"](DISABLE_WP_CRON|ALTERNATE_WP_CRON)['"]\s*,\s*['"]?(\w*)['"]?\s*([^)]*)\)`)
	wpInclude = lazy.Regexp(`(?i)^[^/#*]*\b(?:require|include)(?:_once)?\b`)
)

// wpLine says of a line of wp-config.php what rules ask: the switch and whether it is on, or that
// another file is included. Nothing of the line itself is kept.
func wpLine(line string) string {
	switch m := wpDefine().FindStringSubmatch(line); {
	case m != nil && m[3] == "" && isTrivial(m[2]):
		return fmt.Sprintf("define('%s', %s);", strings.ToUpper(m[1]), cmp.Or(m[2], "''"))
	case m != nil:
		return fmt.Sprintf("define('%s', %s());", strings.ToUpper(m[1]), Mask)
	case strings.HasPrefix(strings.TrimSpace(line), "<?php"):
		return "<?php"
	case wpInclude().MatchString(line) && !strings.Contains(line, "wp-settings.php"):
		return "require " + Mask + ";"
	}
	return ""
}
