package snapshot

import (
	"path"
	"regexp"
	"strings"
)

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
	case path.Base(p) == "wp-config.php":
		return lines(text, func(l string) string {
			if wpSwitch.MatchString(l) {
				return l
			}
			return ""
		}), ""
	}
	return nil, "it is no configuration of nginx or PHP-FPM"
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

// wpSwitch is a switch that wp-config.php defines, with nothing else on the line.
var wpSwitch = regexp.MustCompile(`(?i)^\s*(<\?php|define\(\s*['"](DISABLE_WP_CRON|ALTERNATE_WP_CRON)['"]\s*,\s*\w+\s*\)\s*;)\s*$`)
