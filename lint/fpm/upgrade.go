package fpm

import (
	"path"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
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

// Takes says whether the main file includes a path, where there is a file.
func (m *Master) Takes(name string) bool {
	for _, e := range m.Entries {
		if e.Key != "include" || e.Unknown != "" {
			continue
		}
		pattern := e.Value
		if !path.IsAbs(pattern) {
			pattern = path.Join(m.Prefix, pattern)
		}
		if ok, err := path.Match(path.Clean(pattern), name); ok && err == nil {
			return true
		}
	}
	return false
}

// LeftOut are the pools in files of the pool directory that the main file does not include.
func (m *Master) LeftOut() []*Pool {
	m.outOnce.Do(func() { m.out = m.leftOut() })
	return m.out
}

func (m *Master) leftOut() []*Pool {
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
// php.ini cannot be read, or has sections that count for some requests only.
func (m *Master) IniEdits(name, value string) []source.Edit {
	if e, ok := m.IniSetting(name); ok {
		return replace(e, value)
	}
	f, err := m.Root.Read(m.IniFile)
	if m.IniFile == "" || err != nil || limitedINI().Match(f.Data) {
		return nil
	}
	line := name + " = " + value
	if at := m.place(f, 0, len(f.Data), name); at > 0 {
		return []source.Edit{insert(f, at, line)}
	}
	end := len(f.Data)
	text := line + f.LineEnding(end)
	if end > 0 && !strings.HasSuffix(string(f.Data[end-1:]), "\n") {
		text = f.LineEnding(end) + line
	}
	return []source.Edit{{Span: f.Span(end, end), NewText: text}}
}

// limitedINI finds php.ini's sections for one host or path.
var limitedINI = lazy.Regexp(`(?im)^[ \t]*\[(HOST|PATH)[ \t]*=`)

// Part is where the pool stands in its file: from its header, with the comments right above it, to
// the next section and its comments. ok is false where the pool stands in several places, or
// includes a file.
func (p *Pool) Part() (part source.Span, ok bool) {
	f := p.Header.File
	start, end := aboveComments(f, p.Header.Start), p.Master.sectionEnd(p.Header)
	if end < len(f.Data) {
		end = aboveComments(f, end)
	}
	if p.Master.layout().headers[f][0] == p.Header.Start {
		start = 0 // the file's own heading goes with its first pool
	}
	for _, e := range p.Master.layout().sections[p.Name] {
		if e.Key == "include" || e.Span.File != f || e.Span.Start < start || e.Span.End > end {
			return source.Span{}, false
		}
	}
	return f.Span(start, end), len(p.Headers) == 1
}

// aboveComments is the offset of the first of the comment lines right above a line, or of that line.
func aboveComments(f *source.File, at int) int {
	first := f.Position(at).Line
	for n := first - 1; n >= 1; n-- {
		line, start := f.Line(n)
		if !strings.HasPrefix(strings.TrimSpace(string(line)), ";") {
			break
		}
		at = start
	}
	return at
}

// Entries are the pool's lines, in the order in which FPM reads them.
func (p *Pool) Entries() []*Entry {
	return slices.DeleteFunc(slices.Clone(p.Master.layout().sections[p.Name]), func(e *Entry) bool { return e.Key == "include" })
}

// Globals are the [global] section's lines, in the order in which FPM reads them.
func (m *Master) Globals() []*Entry {
	return slices.DeleteFunc(slices.Clone(m.layout().sections["global"]), func(e *Entry) bool { return e.Key == "include" })
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
