package fpm

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"strings"

	"fpmlint/lint/source"
)

// SetEdits make a setting of the pool have a value: the value in effect is replaced, or a line is
// added where the distribution has it commented out, else next to its kin.
func (p *Pool) SetEdits(key, value string) []source.Edit {
	if e := last(p.settings[key]); e != nil {
		return replace(e, value)
	}
	f := p.Header.File
	start, end := p.Header.End, p.Master.sectionEnd(p.Header)
	return []source.Edit{insert(f, p.Master.place(f, start, end, key), key+" = "+value)}
}

// SetEdits make a global setting have a value. A line that is added stands in the main file's
// [global] section before any include: after one, another file's section may be open.
func (m *Master) SetEdits(key, value string) []source.Edit {
	if e := last(m.globals[key]); e != nil {
		return replace(e, value)
	}
	h := m.GlobalHeader()
	if h.IsZero() || h.File != m.Conf {
		return []source.Edit{{Span: m.Conf.Span(0, 0), NewText: "[global]" + m.Conf.LineEnding(0) + key + " = " + value + m.Conf.LineEnding(0)}}
	}
	end := m.sectionEnd(h)
	for _, e := range m.Entries {
		if e.Key == "include" && e.Span.File == m.Conf && e.Span.Start > h.End {
			_, line := m.Conf.Line(e.Span.Position().Line)
			end = min(end, line)
		}
	}
	return []source.Edit{insert(m.Conf, m.place(m.Conf, h.End, end, key), key+" = "+value)}
}

func last(entries []*Entry) *Entry {
	if len(entries) == 0 {
		return nil
	}
	return entries[len(entries)-1]
}

func replace(e *Entry, value string) []source.Edit {
	old := e.ValueSpan.Text()
	switch {
	case old == value:
		return nil
	case old == "" && e.ValueSpan.Start > 0 && e.ValueSpan.File.Data[e.ValueSpan.Start-1] == '=':
		value = " " + value
	case quoted(old) && !quoted(value):
		value = old[:1] + value + old[:1]
	}
	return []source.Edit{{Span: e.ValueSpan, NewText: value}}
}

func quoted(s string) bool {
	return len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0]
}

// layout is what stands in each file, in the file's order.
type layout struct {
	headers map[*source.File][]int // offsets
	entries map[*source.File][]*Entry
	// sections are the entries of each section, includes too, in the order in which FPM reads them.
	sections map[string][]*Entry
}

func (m *Master) layout() *layout {
	m.layOnce.Do(func() {
		m.lay = layout{map[*source.File][]int{}, map[*source.File][]*Entry{}, map[string][]*Entry{}}
		for _, h := range m.headers {
			m.lay.headers[h.span.File] = append(m.lay.headers[h.span.File], h.span.Start)
		}
		for _, e := range m.Entries {
			m.lay.entries[e.Span.File] = append(m.lay.entries[e.Span.File], e)
			m.lay.sections[e.Section] = append(m.lay.sections[e.Section], e)
		}
		for f := range m.lay.headers {
			slices.Sort(m.lay.headers[f])
		}
		for f := range m.lay.entries {
			slices.SortStableFunc(m.lay.entries[f], func(a, b *Entry) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
		}
	})
	return &m.lay
}

// between are the entries of a file from one offset up to another.
func (l *layout) between(f *source.File, start, end int) []*Entry {
	find := func(at int) int {
		return sort.Search(len(l.entries[f]), func(i int) bool { return l.entries[f][i].Span.Start >= at })
	}
	return l.entries[f][find(start):find(end)]
}

// sectionEnd is where the section of a header ends in its file.
func (m *Master) sectionEnd(h source.Span) int {
	headers := m.layout().headers[h.File]
	next := sort.SearchInts(headers, h.Start+1)
	if next == len(headers) {
		return len(h.File.Data)
	}
	_, line := h.File.Line(h.File.Position(headers[next]).Line)
	return line
}

// place is the offset of the line after which a key is added: the line that has it commented
// out; the section's last line of the same group (listen.*, pm.*, emergency_restart_*); the
// section's header.
func (m *Master) place(f *source.File, start, end int, key string) int {
	for line, rest := range source.Commented(f.Data[start:end], ';', key) {
		if rest = bytes.TrimLeft(rest, " \t"); len(rest) > 0 && rest[0] == '=' {
			return start + line
		}
	}
	best := start
	for group := key; best == start; {
		i := strings.LastIndexAny(group, "._")
		if i <= 0 {
			break
		}
		group = group[:i]
		for _, e := range m.layout().between(f, start, max(start, end)) {
			if strings.HasPrefix(e.Key, group) {
				best = e.Span.Start
			}
		}
	}
	return best
}

// insert adds a line below the one that holds an offset, indented like it.
func insert(f *source.File, at int, text string) source.Edit {
	line, start := f.Line(f.Position(at).Line)
	indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
	end := start + len(line)
	return source.Edit{Span: f.Span(end, end), NewText: f.LineEnding(end) + string(indent) + text}
}

// RemoveEdits take an entry out with its line; nil where something else stands on the line.
func (e *Entry) RemoveEdits() []source.Edit {
	f := e.Span.File
	line, start := f.Line(e.Span.Position().Line)
	if len(bytes.TrimSpace(line[:e.Span.Start-start])) > 0 {
		return nil
	}
	end := start + len(line)
	if i := bytes.IndexByte(f.Data[end:], '\n'); i >= 0 {
		end += i + 1
	}
	return []source.Edit{{Span: f.Span(start, end)}}
}
