package fpm

import (
	"bytes"
	"slices"
	"strings"

	"fpmlint/lint/source"
)

// common are keys of pools that other programs' files have too.
var common = []string{"user", "group", "prefix", "listen", "chroot", "chdir", "env", "slowlog", "access.log", "process.priority"}

// daemons are keys of [global] that tell an FPM file where a pool listens too.
var daemons = []string{"daemonize", "error_log", "log_level"}

// Detect tells FPM's files from other INI files by the keys that only FPM has, and from scripts,
// texts and templates by their lines: most of an FPM file's are settings, and FPM knows most of
// them. A php.ini may have one by mistake.
func Detect(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 {
		return false // binary
	}
	var found, global, daemon, listen bool
	entries, foreign, problems := 0, 0, 0
	scan(&source.File{Data: data}, true, func(l line) bool {
		switch {
		case l.problem != nil:
			problems++
		case !l.header.IsZero():
			global = strings.EqualFold(l.section, "global")
		default:
			entries++
			if !belongs(l.entry.Key) {
				foreign++
			}
			found = found || telling(l.entry)
			// The official image's zz-docker.conf has no more than two such lines.
			daemon = daemon || global && slices.Contains(daemons, l.entry.Key)
			listen = listen || !global && l.entry.Key == "listen"
		}
		return true
	})
	if found = found || daemon && listen; !found || problems > entries || 2*foreign > entries {
		return false
	}
	_, template := TemplateMark(source.NewFile("", data))
	return !template
}

// telling says whether only FPM's files have such an entry.
func telling(e *Entry) bool {
	switch _, known := poolKeys[e.Key]; {
	case e.Key == "include":
		return strings.Contains(e.Value, "fpm")
	case e.Key == "pm":
		return e.Unknown != "" || bad(processManager, e.Value) == ""
	case strings.HasPrefix(e.Key, "emergency_restart_") || e.Key == "process_control_timeout":
		return true
	default:
		return known && !slices.Contains(common, e.Key) && (e.Index != "") == isArray(e.Key)
	}
}

// belongs says whether FPM knows a key, in whatever section.
func belongs(key string) bool {
	_, pool := poolKeys[key]
	_, global := globalKeys[key]
	return pool || global || key == "include"
}

func isArray(key string) bool { return poolKeys[key] == array || poolKeys[key] == flagArray }

// IsMain says whether an FPM file is a main file: it includes others before any pool begins, or
// has a [global] section and either includes others or holds a whole pool. A file with [global]
// and a part of a pool, as the official image's zz-docker.conf or one that tunes an image's own
// pool, is one of several.
func IsMain(data []byte) bool {
	var global, inPool, include, pm, listen bool
	scan(&source.File{Data: data}, true, func(l line) bool {
		switch {
		case !l.header.IsZero():
			inPool = !strings.EqualFold(l.section, "global")
			global = global || !inPool
		case l.entry == nil:
		case l.entry.Key == "include":
			include = include || !inPool || global
		case l.entry.Key == "pm":
			pm = pm || inPool
		case l.entry.Key == "listen":
			listen = listen || inPool
		}
		return true
	})
	return include || global && pm && listen
}

// Sized are the pools for which a file sets the number of workers.
func Sized(data []byte) (pools []string) {
	section := ""
	scan(&source.File{Data: data}, true, func(l line) bool {
		switch {
		case !l.header.IsZero():
			section = l.section
		case l.entry != nil && l.entry.Key == "pm.max_children" && !slices.Contains(pools, section):
			pools = append(pools, section)
		}
		return true
	})
	return pools
}
