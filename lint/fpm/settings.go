package fpm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind is the form that FPM asks of a value (fpm_conf_set_integer and its likes).
type kind int

const (
	text kind = iota
	integer
	boolean
	duration
	processManager
	logLevel
	rlimit
	facility
	array
	flagArray
	pathList // name[] without a key, each value a path
	mechanism
)

// globalKeys are the keys of [global] (ini_fpm_global_options).
var globalKeys = map[string]kind{
	"pid": text, "error_log": text, "syslog.ident": text, "syslog.facility": facility, "log_level": logLevel,
	"log_limit": integer, "log_buffering": boolean,
	"emergency_restart_threshold": integer, "emergency_restart_interval": duration, "process_control_timeout": duration,
	"process.max": integer, "process.priority": integer, "daemonize": boolean,
	"rlimit_files": integer, "rlimit_core": rlimit, "events.mechanism": mechanism, "systemd_interval": duration,
}

// poolKeys are the keys of a pool (ini_fpm_pool_options), of PHP 7.0 to 8.5 together: a key of a
// newer PHP than the tree's is not called unknown.
var poolKeys = map[string]kind{
	"prefix": text, "user": text, "group": text,
	"listen": text, "listen.backlog": integer, "listen.acl_users": text, "listen.acl_groups": text,
	"listen.owner": text, "listen.group": text, "listen.mode": text, "listen.allowed_clients": text, "listen.setfib": integer,
	"process.priority": integer, "process.dumpable": boolean,
	"pm": processManager, "pm.max_children": integer, "pm.start_servers": integer, "pm.min_spare_servers": integer,
	"pm.max_spare_servers": integer, "pm.max_spawn_rate": integer, "pm.process_idle_timeout": duration, "pm.max_requests": integer,
	"pm.status_path": text, "pm.status_listen": text, "ping.path": text, "ping.response": text,
	"access.log": text, "access.format": text, "access.suppress_path": pathList,
	"slowlog": text, "request_slowlog_timeout": duration, "request_slowlog_trace_depth": integer,
	"request_terminate_timeout": duration, "request_terminate_timeout_track_finished": boolean,
	"rlimit_files": integer, "rlimit_core": rlimit, "chroot": text, "chdir": text,
	"catch_workers_output": boolean, "decorate_workers_output": boolean, "clear_env": boolean, "security.limit_extensions": text,
	"apparmor_hat": text,
	"env":          array, "php_value": array, "php_admin_value": array, "php_flag": flagArray, "php_admin_flag": flagArray,
}

// globalDefaults and poolDefaults are what FPM takes for keys that are not set
// (fpm_globals, fpm_worker_pool_config_alloc), as php-fpm -tt prints them.
var (
	globalDefaults = map[string]string{
		"log_level": "notice", "log_limit": "1024", "log_buffering": "yes",
		"emergency_restart_threshold": "0", "emergency_restart_interval": "0", "process_control_timeout": "0",
		"process.max": "0", "daemonize": "yes", "syslog.ident": "php-fpm", "syslog.facility": "daemon",
		"error_log": "log/php-fpm.log", "systemd_interval": "10s",
	}
	poolDefaults = map[string]string{
		"listen.mode": "0660", "pm.start_servers": "0", "pm.min_spare_servers": "0", "pm.max_spare_servers": "0",
		"pm.max_spawn_rate": "32", "pm.process_idle_timeout": "10s", "pm.max_requests": "0", "ping.response": "pong",
		"request_slowlog_timeout": "0", "request_slowlog_trace_depth": "20", "request_terminate_timeout": "0",
		"request_terminate_timeout_track_finished": "no", "catch_workers_output": "no", "decorate_workers_output": "yes",
		"clear_env": "yes", "security.limit_extensions": ".php .phar", "access.format": `%R - %u %t "%m %r" %s`,
		"process.dumpable": "no",
	}
)

func globalDefault(key string) string { return globalDefaults[key] }

// poolDefault is a pool key's default. listen.backlog became -1, the kernel's limit, with 8.2.
func poolDefault(key, version string) string {
	if key == "listen.backlog" {
		if version != "" && versionLess(version, 8, 2) {
			return "511"
		}
		return "-1"
	}
	return poolDefaults[key]
}

func versionLess(version string, major, minor int) bool {
	a, b, _ := strings.Cut(version, ".")
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x < major || x == major && y < minor
}

// IsTime says whether a key's value is a time (fpm_conf_set_time).
func IsTime(key string) bool { return globalKeys[key] == duration || poolKeys[key] == duration }

// bad says what FPM says of a value of the wrong form, "" when it is right.
func bad(k kind, value string) string {
	switch k {
	case integer:
		if !allDigits(strings.TrimPrefix(value, "-")) {
			return "is not a valid number (greater or equal than zero)"
		}
	case boolean, flagArray:
		if _, ok := parseBool(value); !ok {
			return "invalid boolean value"
		}
	case duration: // fpm_conf_set_time
		switch {
		case value == "":
			return "invalid time value"
		case !strings.ContainsRune("0123456789smhd", rune(value[len(value)-1])):
			return "unknown suffix used in time value"
		}
	case facility:
		if !slices.Contains(facilities, strings.ToLower(value)) {
			return "invalid value"
		}
	case processManager:
		switch strings.ToLower(value) {
		case "static", "dynamic", "ondemand":
		default:
			return "invalid process manager (static, dynamic or ondemand)"
		}
	case logLevel:
		switch strings.ToLower(value) {
		case "debug", "notice", "warning", "warn", "error", "alert":
		default:
			return "invalid value for 'log_level'"
		}
	case rlimit:
		if n, err := strconv.Atoi(value); !strings.EqualFold(value, "unlimited") && (err != nil || n < 0) {
			return "is not a valid number (greater or equal than zero)"
		}
	}
	return ""
}

// facilities are those of syslog (fpm_conf_set_syslog_facility).
var facilities = []string{
	"auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user", "uucp",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// mechanisms are those of all systems (fpm_event_pre_init).
var mechanisms = []string{"select", "poll", "epoll", "kqueue", "port", "/dev/poll"}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true // empty is zero
}

// parseBool reads what PHP's INI parser makes of a switch.
func parseBool(value string) (on, ok bool) {
	switch strings.ToLower(value) {
	case "1", "on", "yes", "true":
		return true, true
	case "", "0", "off", "no", "false", "none":
		return false, true
	}
	return false, false
}

// ParseSeconds reads a time as fpm_conf_set_time does: the last byte may be s, m, h or d, and of
// the rest the leading digits count, so that 500ms is 500 seconds and 1.5m one minute.
func ParseSeconds(value string) int {
	if value == "" {
		return 0
	}
	scale := 1
	switch value[len(value)-1] {
	case 'm':
		scale = 60
	case 'h':
		scale = 3600
	case 'd':
		scale = 86400
	}
	return atoi(value) * scale
}

// ParseMode reads a mode as strtoul base 8 does: what is not octal is 0.
func ParseMode(text string) uint64 {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '7' {
		end++
	}
	n, err := strconv.ParseUint(text[:end], 8, 32)
	if err != nil {
		return 0
	}
	return n
}

// atoi is C's: leading space, a sign, digits; 0 for anything else.
func atoi(s string) int {
	s = strings.TrimLeft(s, " \t")
	sign := 1
	if strings.HasPrefix(s, "-") {
		sign, s = -1, s[1:]
	}
	n := 0
	for i := 0; i < len(s) && s[i] >= '0' && s[i] <= '9' && n < 1<<31; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return sign * n
}

func (s Setting) integer() (int, bool) {
	if s.Unknown != "" || s.Text == "" && s.IsDefault || bad(integer, s.Text) != "" {
		return 0, false
	}
	return atoi(s.Text), true
}

func (s Setting) seconds() (int, bool) {
	if s.Unknown != "" {
		return 0, false
	}
	return ParseSeconds(s.Text), true
}

// unable is FPM's sentence about a value.
func unable(e *Entry, why string) string {
	return fmt.Sprintf("unable to parse value for entry '%s': %s", e.Key, why)
}
