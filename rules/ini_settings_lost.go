package rules

import (
	_ "embed"
	"fmt"
	"path"
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
	{"realpath_cache_size", []string{"4096k", "4096K"}},
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
	u := p.Stack.Upgrade
	if u == nil || len(u.From) == 0 {
		return
	}
	old := u.From[0]
	if !u.Asked && !anyUsed(p, u.To) {
		return
	}
	for _, key := range iniKeys {
		was, ok := old.IniSetting(key.name)
		if !ok || was.Unknown != "" || slices.Contains(key.defaults, was.Value) {
			continue
		}
		now := "PHP's default"
		if e, ok := u.To.IniSetting(key.name); ok {
			if !slices.Contains(key.defaults, e.Value) || e.Value == was.Value {
				continue
			}
			now = key.name + " = " + e.Value
		}
		value := movedText(was.Value, old.Version, u.To.Version)
		f := lint.Finding{
			Message: fmt.Sprintf("%s = %s of PHP %s is lost: PHP %s has %s", key.name, was.Value, old.Version, u.To.Version, now),
			Help:    fmt.Sprintf("set %s = %s in PHP %s's %s too", key.name, value, u.To.Version, path.Base(u.To.IniFile)),
			Span:    was.Span,
		}
		if edits := u.To.IniEdits(key.name, quotedINI(value)); len(edits) > 0 && editable(edits[0].Span.File) && !shared(old, edits) {
			f.Fix = &lint.Fix{Description: fmt.Sprintf("carry %s over to PHP %s", key.name, u.To.Version), Edits: edits}
			f.Related = []source.Related{{Span: edits[0].Span, Message: "PHP " + u.To.Version + " reads this file"}}
		}
		p.Report(f)
	}
}

// shared says whether an edit is in a file that the old version reads too, by a link.
func shared(old *fpm.Master, edits []source.Edit) bool {
	for _, e := range edits {
		if f, err := old.Root.Read(old.IniFile); err == nil && f == e.Span.File {
			return true
		}
	}
	return false
}

func anyUsed(p *lint.Pass, m *fpm.Master) bool {
	for _, pool := range m.Pools {
		if used(p.Stack, pool) {
			return true
		}
	}
	return false
}

// quotedINI writes a value that PHP's INI parser would take apart in quotes.
func quotedINI(value string) string {
	for _, c := range value {
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._-/,:", c)
		if !plain {
			return `"` + value + `"`
		}
	}
	return value
}
