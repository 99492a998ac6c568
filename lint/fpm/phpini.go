package fpm

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/source"
)

// phpIni is what php.ini and conf.d of the FPM SAPI set.
type phpIni struct {
	last       map[string]*Entry // by name: PHP tells upper case from lower
	extensions []*Entry
	// missing says why there may be more than was read, doubt why what was read may not count.
	missing, doubt string
}

// phpDefaults are PHP's built-in values (main.c, opcache); php.ini-production is another matter.
var phpDefaults = map[string]string{
	"memory_limit": "128M", "max_execution_time": "30", "max_input_time": "-1",
	"post_max_size": "8M", "upload_max_filesize": "2M", "opcache.enable": "1", "opcache.memory_consumption": "128",
}

// Ini is a php.ini setting as it is in effect in the pool: php_admin_value and php_admin_flag
// beat php_value and php_flag, which beat conf.d and php.ini. Of several in one pool the first
// counts (fpm_conf_set_array adds to the front of its list). A default is unknown where php.ini
// could not be read.
func (p *Pool) Ini(name string) Setting {
	p.iniOnce.Do(func() {
		p.ini = map[string]*Entry{}
		for _, admin := range []bool{false, true} {
			for _, e := range slices.Backward(p.IniEntries()) { // so that the first one stays
				if strings.HasPrefix(e.Key, "php_admin_") == admin {
					p.ini[e.Index] = e
				}
			}
		}
	})
	if e := p.ini[name]; e != nil {
		return p.expanded(Setting{Text: e.Value, Span: e.ValueSpan, Entry: e, Unknown: e.Unknown})
	}
	ini := p.Master.phpIni()
	if e := ini.last[name]; e != nil {
		return Setting{Text: e.Value, Span: e.ValueSpan, Entry: e, Unknown: cmp.Or(ini.doubt, e.Unknown)}
	}
	return Setting{Text: phpDefaults[name], IsDefault: true, Unknown: ini.missing}
}

// Extensions are the extension and zend_extension lines of php.ini and conf.d.
func (m *Master) Extensions() []*Entry { return m.phpIni().extensions }

// IniSetting is a line of php.ini or conf.d, false where the setting is not there.
func (m *Master) IniSetting(name string) (*Entry, bool) {
	e, ok := m.phpIni().last[name]
	return e, ok
}

// phpIni reads php.ini, then conf.d in the order of names; the last line of a setting wins
// (php_init_config).
func (m *Master) phpIni() *phpIni {
	m.iniOnce.Do(func() {
		m.ini = &phpIni{last: map[string]*Entry{}}
		found := false
		for _, name := range m.iniFiles() {
			f, err := m.Root.Read(name)
			if err == nil {
				found = true
				m.ini.read(f, m.Version)
			} else if !errors.Is(err, fs.ErrNotExist) {
				m.ini.missing = err.Error()
			}
		}
		for _, name := range m.unlinked() {
			if f, err := m.Root.Read(name); err == nil {
				m.ini.read(f, m.Version)
			}
		}
		if m.INIMore != "" {
			m.ini.missing, m.ini.doubt = m.INIMore, m.INIMore
		}
		switch {
		case m.ini.missing != "" || found:
		case m.IniFile == "":
			m.ini.missing = "the place of php.ini is unknown"
		case !m.Root.Whole() && !m.HasBinaries:
			m.ini.missing = m.IniFile + " is not here"
		}
	})
	return m.ini
}

// iniFiles are php.ini and the files of conf.d, hidden ones too.
func (m *Master) iniFiles() []string {
	if len(m.INI) > 0 {
		return m.INI
	}
	var out []string
	if m.IniFile != "" {
		out = append(out, m.IniFile)
	}
	if m.IniDir == "" {
		return out
	}
	entries, _ := m.Root.ReadDir(m.IniDir) // no directory: no files
	for _, e := range entries {
		name := path.Join(m.IniDir, e.Name())
		if info, err := m.Root.Stat(name); path.Ext(name) == ".ini" && err == nil && info.Mode().IsRegular() {
			out = append(out, name)
		}
	}
	return out
}

// unlinked are the files of Debian's mods-available in a tree of configuration that brings them
// without conf.d: the packages make the links when they are installed.
func (m *Master) unlinked() []string {
	if m.Family != "debian" || m.HasBinaries || m.Root.Whole() || m.Root.Exists(m.IniDir) {
		return nil
	}
	names, _ := m.Root.Glob(path.Join(path.Dir(path.Dir(m.IniDir)), "mods-available/*.ini")) // no directory: none
	return names
}

// INIFiles are the files that hold the SAPI's php.ini settings, as paths inside the root: those of
// php.ini and conf.d that are there.
func (m *Master) INIFiles() []string {
	return slices.DeleteFunc(m.iniFiles(), func(name string) bool { return !m.Root.Exists(name) })
}

// read adds a file's settings (php_ini_parser_cb). [HOST=] and [PATH=] limit what follows to some
// requests, up to the end of the file: a section of another kind does not end that, but extensions
// are loaded from there on again. PHP reads no further than to a syntax error. A string may go over
// several lines there; a file with one is not understood unless nothing follows the string's end in
// its line.
func (i *phpIni) read(f *source.File, version string) {
	limited, special := false, false
	resume := 0 // offset behind a value that goes over several lines
	scan(f, strings.HasPrefix(version, "5"), func(l line) bool {
		switch {
		case l.problem != nil:
			if l.problem.Span.Start < resume || !strings.HasPrefix(l.problem.Message, "PHP:") {
				return true // a name without a value is none to PHP either
			}
			if !bytes.HasPrefix(f.Data[l.problem.Span.Start:], []byte{'"'}) {
				return false
			}
			if resume = closingQuote(f.Data, l.problem.Span.Start); resume == 0 {
				i.missing = fmt.Sprintf("%s:%d holds a string of several lines", f.Path, l.problem.Span.Position().Line)
				i.doubt = i.missing
				return false
			}
		case !l.header.IsZero():
			if l.header.Start < resume {
				break
			}
			upper := strings.ToUpper(l.section)
			special = strings.HasPrefix(upper, "HOST") || strings.HasPrefix(upper, "PATH")
			limited = limited || special && len(upper) > len("HOST")
		case l.entry.Span.Start < resume || l.entry.Index != "":
		case !special && (l.entry.Key == "extension" || l.entry.Key == "zend_extension"):
			i.extensions = append(i.extensions, l.entry)
		case !limited:
			i.last[l.entry.KeySpan.Text()] = l.entry
		}
		return true
	})
}

// closingQuote is the offset of the end of the line in which a string ends that begins at an
// offset; 0 where it has no end or something follows it.
func closingQuote(data []byte, start int) int {
	for j := start + 1; j < len(data); j++ {
		switch data[j] {
		case '\\':
			j++
		case '"':
			rest, _, _ := bytes.Cut(data[j+1:], []byte("\n"))
			if after := bytes.TrimSpace(rest); len(after) > 0 && after[0] != ';' {
				return 0
			}
			return j + 1 + len(rest)
		}
	}
	return 0
}
