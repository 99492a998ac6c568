package fpm

import (
	"path"
	"strings"

	"fpmlint/lint/source"
)

// PoolDir is the directory whose files the main file includes as pools; "" where it includes none.
func (m *Master) PoolDir() string {
	dir := ""
	for _, e := range m.Entries {
		if e.Key == "include" && e.Value != "" && (dir == "" || source.HasMeta(e.Value)) {
			dir = path.Dir(e.Value)
		}
	}
	if dir != "" && !path.IsAbs(dir) {
		dir = path.Join(m.Prefix, dir)
	}
	return dir
}

// LeftOut are the pools in files of the pool directory that the main file does not include.
func (m *Master) LeftOut() []*Pool {
	dir := m.PoolDir()
	if dir == "" {
		return nil
	}
	names, err := m.Root.Glob(path.Join(dir, "*.conf"))
	if err != nil {
		return nil
	}
	read := map[string]bool{}
	for _, f := range m.Files {
		read[f.Path] = true
	}
	var rest []string
	for _, n := range names {
		if real, err := m.Root.Resolve(n); err == nil && !read[real] {
			rest = append(rest, n)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	other, err := LoadPools(m.Root, rest, m.Options)
	if err != nil {
		return nil
	}
	return other.Pools
}

// IniEdits make a php.ini setting of the master have a value: its line in effect is replaced, or
// one is added to php.ini where that has it commented out, else at its end. There are none where
// php.ini cannot be read.
func (m *Master) IniEdits(name, value string) []source.Edit {
	if e, ok := m.IniSetting(name); ok {
		return replace(e, value)
	}
	f, err := m.Root.Read(m.IniFile)
	if m.IniFile == "" || err != nil {
		return nil
	}
	line := name + " = " + value
	if at := m.place(f, 0, len(f.Data), name); at > 0 {
		return []source.Edit{insert(f, at, line)}
	}
	end := len(f.Data)
	text := line + eol(f, end)
	if end > 0 && !strings.HasSuffix(string(f.Data[end-1:]), "\n") {
		text = eol(f, end) + line
	}
	return []source.Edit{{Span: f.Span(end, end), NewText: text}}
}

// Text is the pool's part of its file: from its header, with the comments right above it, to the
// next section. ok is false where the pool stands in several places.
func (p *Pool) Text() (text string, ok bool) {
	if len(p.Headers) != 1 {
		return "", false
	}
	f := p.Header.File
	_, start := f.Line(p.Header.Position().Line)
	for n := p.Header.Position().Line - 1; n >= 1; n-- {
		line, at := f.Line(n)
		if !strings.HasPrefix(strings.TrimSpace(string(line)), ";") {
			break
		}
		start = at
	}
	end := p.Master.sectionEnd(p.Header)
	if first := p.Master.firstHeader(f); first == p.Header {
		start = 0 // the file's own heading goes with its first pool
	}
	return string(f.Data[start:end]), true
}

// firstHeader is the first section of a file.
func (m *Master) firstHeader(f *source.File) source.Span {
	var first source.Span
	for _, h := range m.headers {
		if h.span.File == f && (first.IsZero() || h.span.Start < first.Start) {
			first = h.span
		}
	}
	return first
}

// Entries are the pool's lines, in the order in which FPM reads them.
func (p *Pool) Entries() []*Entry {
	var out []*Entry
	for _, e := range p.Master.Entries {
		if e.Section == p.Name && e.Key != "include" {
			out = append(out, e)
		}
	}
	return out
}

// EnabledUnit is the systemd unit that starts the master at boot, "" where none is enabled: the unit
// that its packages bring, linked below multi-user.target.wants.
func (m *Master) EnabledUnit() string {
	short := strings.ReplaceAll(m.Version, ".", "")
	units := map[string]string{"debian": "php" + m.Version + "-fpm.service", "remi": "php" + short + "-php-fpm.service"}
	unit := units[m.Family]
	if unit == "" {
		return ""
	}
	if _, err := m.Root.Lstat("/etc/systemd/system/multi-user.target.wants/" + unit); err != nil {
		return ""
	}
	return unit
}
