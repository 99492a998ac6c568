package fpm

import (
	"path"
	"strings"

	"fpmlint/lint/source"
)

// phpIni is what php.ini and conf.d of the FPM SAPI set.
type phpIni struct {
	last       map[string]*Entry
	extensions []*Entry
}

// phpDefaults are PHP's built-in values (main.c, opcache); php.ini-production is another matter.
var phpDefaults = map[string]string{
	"memory_limit": "128M", "max_execution_time": "30", "max_input_time": "-1",
	"post_max_size": "8M", "upload_max_filesize": "2M", "opcache.enable": "1", "opcache.memory_consumption": "128",
}

// Ini is a php.ini setting as it is in effect in the pool: php_admin_value and php_admin_flag
// beat php_value and php_flag, which beat conf.d and php.ini. Of several in one pool the first
// counts (fpm_php_apply_defines adds to the front of its list).
func (p *Pool) Ini(name string) Setting {
	var plain *Entry
	for _, e := range p.IniEntries() {
		if e.Index != name {
			continue
		}
		if strings.HasPrefix(e.Key, "php_admin_") {
			return p.iniSetting(e)
		}
		if plain == nil {
			plain = e
		}
	}
	if plain != nil {
		return p.iniSetting(plain)
	}
	if e := p.Master.phpIni().last[strings.ToLower(name)]; e != nil {
		return Setting{Text: e.Value, Span: e.ValueSpan, Entry: e, Unknown: e.Unknown}
	}
	return Setting{Text: phpDefaults[name], IsDefault: true}
}

func (p *Pool) iniSetting(e *Entry) Setting {
	return Setting{Text: strings.ReplaceAll(e.Value, "$pool", p.Name), Span: e.ValueSpan, Entry: e, Unknown: e.Unknown}
}

// Extensions are the extension and zend_extension lines of php.ini and conf.d.
func (m *Master) Extensions() []*Entry { return m.phpIni().extensions }

// IniSetting is a line of php.ini or conf.d, false where the setting is not there.
func (m *Master) IniSetting(name string) (*Entry, bool) {
	e, ok := m.phpIni().last[strings.ToLower(name)]
	return e, ok
}

// phpIni reads php.ini, then conf.d in the order of names; the last line of a setting wins
// (php_init_config). Sections do not matter but for [HOST=] and [PATH=], which limit what follows
// to some requests.
func (m *Master) phpIni() *phpIni {
	m.iniOnce.Do(func() {
		m.ini = &phpIni{last: map[string]*Entry{}}
		var files []string
		if m.IniFile != "" {
			files = append(files, m.IniFile)
		}
		if m.IniDir != "" {
			names, _ := m.Root.Glob(path.Join(m.IniDir, "*.ini")) // no directory: no files
			files = append(files, names...)
		}
		for _, name := range files {
			if f, err := m.Root.Read(name); err == nil {
				m.ini.read(f)
			}
		}
	})
	return m.ini
}

func (i *phpIni) read(f *source.File) {
	limited := false
	scan(f, true, func(l line) bool {
		switch {
		case !l.header.IsZero():
			upper := strings.ToUpper(l.section)
			limited = strings.HasPrefix(upper, "HOST=") || strings.HasPrefix(upper, "PATH=")
		case l.entry == nil || limited:
		case l.entry.Key == "extension" || l.entry.Key == "zend_extension":
			i.extensions = append(i.extensions, l.entry)
		default:
			i.last[l.entry.Key] = l.entry
		}
		return true
	})
}
