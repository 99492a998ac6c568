package fpm

import (
	"slices"
	"strings"

	"fpmlint/lint/source"
)

// telling are keys that only FPM's files have.
var telling = []string{"pm", "pm.max_children", "listen.owner", "listen.mode", "listen.group", "listen.allowed_clients",
	"emergency_restart_threshold", "emergency_restart_interval", "process_control_timeout", "request_terminate_timeout",
	"catch_workers_output", "pm.status_path", "request_slowlog_timeout", "php_admin_value", "php_admin_flag", "php_value", "php_flag",
	"security.limit_extensions", "clear_env"}

// Detect tells FPM's files from other INI files by the keys that only FPM has.
func Detect(data []byte) bool {
	found, lines := false, 0
	scan(&source.File{Data: data}, true, func(l line) bool {
		lines++
		switch {
		case l.problem != nil:
			return lines < 20 // not INI, or not all of it
		case l.entry == nil:
		case slices.Contains(telling, l.entry.Key):
			found = true
		case l.entry.Key == "include" && strings.Contains(l.entry.Value, "fpm"):
			found = true
		}
		return !found
	})
	return found
}

// IsMain says whether an FPM file is a main file: it has a [global] section, or includes others
// before any pool begins.
func IsMain(data []byte) bool {
	main := false
	scan(&source.File{Data: data}, true, func(l line) bool {
		if !l.header.IsZero() {
			main = strings.EqualFold(l.section, "global")
			return false
		}
		if l.entry != nil && l.entry.Key == "include" {
			main = true
			return false
		}
		return true
	})
	return main
}
