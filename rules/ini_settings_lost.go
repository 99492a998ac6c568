package rules

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed ini-settings-lost.md
var iniSettingsLostDoc string

// INISettingsLost reports php.ini settings of an older PHP that the newer one's lacks.
var INISettingsLost = lint.Rule{
	ID:       "ini-settings-lost",
	Severity: lint.Warning,
	Family:   "upgrade",
	Summary:  "php.ini's tuning was not taken along to the newer PHP",
	Doc:      iniSettingsLostDoc,
	Check:    checkINISettingsLost,
}

// iniKeys are the settings that sites depend on, with the values that PHP and distributions give
// them: php.ini-production, and Debian's and Remi's changes to it.
var iniKeys = []struct {
	name     string
	defaults []string
}{
	{"memory_limit", []string{"128M"}},
	{"max_execution_time", []string{"30"}},
	{"max_input_time", []string{"60", "-1"}},
	{"max_input_vars", []string{"1000"}},
	{"post_max_size", []string{"8M"}},
	{"upload_max_filesize", []string{"2M"}},
	{"max_file_uploads", []string{"20"}},
	{"date.timezone", []string{"", "UTC"}},
	{"default_charset", []string{"UTF-8"}},
	{"session.save_handler", []string{"files"}},
	{"session.save_path", []string{"", "/var/lib/php/sessions", "/var/lib/php/session", "/tmp"}},
	{"session.gc_maxlifetime", []string{"1440"}},
	{"session.gc_probability", []string{"0", "1"}},
	{"error_log", []string{""}},
	{"open_basedir", []string{""}},
	{"disable_functions", []string{""}},
	{"realpath_cache_size", []string{"4096k"}},
	{"realpath_cache_ttl", []string{"120"}},
	{"opcache.enable", []string{"1"}},
	{"opcache.memory_consumption", []string{"128"}},
	{"opcache.interned_strings_buffer", []string{"8"}},
	{"opcache.max_accelerated_files", []string{"10000"}},
	{"opcache.validate_timestamps", []string{"1"}},
	{"opcache.revalidate_freq", []string{"2"}},
	{"opcache.jit", []string{"tracing", "off", "disable"}},
	{"opcache.jit_buffer_size", []string{"0", "64M"}},
	{"opcache.preload", []string{""}},
}

func checkINISettingsLost(p *lint.Pass) {
	u := newMove(p.Stack)
	if u == nil || !u.Asked && !u.uses(u.To) {
		return
	}
	old := u.From[0]
	severity := lint.Warning
	if !u.Asked {
		severity = u.lostSeverity(u.uses(old))
	}
	for _, key := range iniKeys {
		was, ok := old.IniSetting(key.name)
		if !ok || was.Unknown != "" || among(was.Value, key.defaults) {
			continue
		}
		now := "PHP's default"
		value := u.value(old, was)
		if e, ok := u.To.IniSetting(key.name); ok {
			if !among(e.Value, key.defaults) || e.Value == was.Value {
				continue
			}
			now = key.name + " = " + cmp.Or(e.Value, `""`)
		}
		f := lint.Finding{
			Severity: severity,
			Message:  fmt.Sprintf("%s = %s of PHP %s is lost: PHP %s has %s", key.name, was.Value, old.Version, u.To.Version, now),
			Help:     fmt.Sprintf("set %s = %s in PHP %s's php.ini too", key.name, value, u.To.Version),
			Span:     was.Span,
		}
		edits := u.To.IniEdits(key.name, value)
		if lack := u.lacking(old, key.name); lack != "" {
			f.Help = fmt.Sprintf("install and enable extension %s for PHP %s first, which keeps the sessions; then %s", lack, u.To.Version, f.Help)
		} else if allEditable(edits) {
			f.Fix = &lint.Fix{Description: fmt.Sprintf("carry %s over to PHP %s", key.name, u.To.Version), Edits: edits}
			f.Related = []source.Related{{Span: edits[0].Span, Message: "PHP " + u.To.Version + " reads this file"}}
		}
		p.Report(f)
	}
}

// lacking is the extension that a session setting needs and the new version does not have.
func (u *move) lacking(old *fpm.Master, key string) string {
	handler, ok := old.IniSetting("session.save_handler")
	if !ok || key != "session.save_handler" && key != "session.save_path" || among(handler.Value, []string{"files", "user", ""}) {
		return ""
	}
	of := func(e *fpm.Entry) bool { return extensionName(e) == strings.ToLower(handler.Value) }
	if slices.ContainsFunc(old.Extensions(), of) && !slices.ContainsFunc(u.To.Extensions(), of) {
		return handler.Value
	}
	return ""
}

// among says whether a value is in a list; php.ini takes units and switches in any case.
func among(value string, list []string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, value) })
}
