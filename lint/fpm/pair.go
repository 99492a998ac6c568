package fpm

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/ini.v1"

	"fpmlint/lint/source"
)

// iniOptions make ini.v1 read as much as PHP does as it can: no inline comments, no continuation,
// quotes kept, all of a repeated key's values, no inheritance among [a.b] sections.
var iniOptions = ini.LoadOptions{
	KeyValueDelimiters: "=", IgnoreInlineComment: true, PreserveSurroundedQuote: true, IgnoreContinuation: true,
	AllowShadows: true, AllowDuplicateShadowValues: true, AllowNonUniqueSections: true, AllowBooleanKeys: true,
	ChildSectionDelimiter: "\x00",
}

// pairPart is the number of lines that ini.v1 is given at a time: distinct keys in one section
// cost it quadratic time.
const pairPart = 400

// maxPair bounds a file that is read twice, in bytes.
const maxPair = 8 << 20

// pair compares the scanner's keys and raw values with ini.v1's and says where they differ.
// Lines that begin with # are left out: ini.v1 takes them for comments, as their author did. The
// scanner's reading stands wherever the two differ.
func pair(f *source.File, php5 bool) (differs string) {
	if len(f.Data) > maxPair {
		return fmt.Sprintf("%s: it is larger than %d MiB, and ini.v1 did not read it", f.Path, maxPair>>20)
	}
	defer func() {
		if r := recover(); r != nil {
			differs = fmt.Sprintf("%s: ini.v1 panics: %v", f.Path, r)
		}
	}()
	ours := map[string]string{}
	section := ini.DefaultSection
	scan(f, php5, func(l line) bool {
		switch {
		case !l.header.IsZero():
			section = l.section
		case l.hash.IsZero() && l.entry != nil && l.entry.ValueSpan.Start < l.entry.ValueSpan.End:
			ours[section+"\x00"+l.entry.KeySpan.Text()] = l.entry.ValueSpan.Text()
		}
		return true
	})
	theirs, err := iniValues(f.Data)
	if err != nil {
		return fmt.Sprintf("%s: ini.v1: %v", f.Path, err)
	}
	for k, v := range ours {
		got, ok := theirs[k]
		if ok && cut(got) == cut(v) {
			continue
		}
		sec, key, _ := strings.Cut(k, "\x00")
		return fmt.Sprintf("%s: [%s] %s: ini.v1 reads %q", f.Path, sec, key, got)
	}
	return ""
}

// cut drops a comment, which ini.v1 was told to leave in the value.
func cut(v string) string {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '\\' && quoted:
			i++
		case v[i] == '"':
			quoted = !quoted
		case v[i] == ';' && !quoted:
			return strings.TrimSpace(v[:i])
		}
	}
	return strings.TrimSpace(v)
}

// iniValues reads a file with ini.v1, some lines at a time, each part under its section's header.
func iniValues(data []byte) (map[string]string, error) {
	out := map[string]string{}
	header := ""
	lines := bytes.SplitAfter(data, []byte("\n"))
	for len(lines) > 0 {
		n := min(len(lines), pairPart)
		part := append([]byte(header), bytes.Join(lines[:n], nil)...)
		parsed, err := ini.LoadSources(iniOptions, part)
		if err != nil {
			return nil, err
		}
		for _, s := range parsed.Sections() {
			for _, k := range s.Keys() {
				values := k.ValueWithShadows()
				if len(values) > 0 {
					out[s.Name()+"\x00"+k.Name()] = values[len(values)-1]
				}
			}
			if s.Name() != ini.DefaultSection {
				header = "[" + s.Name() + "]\n"
			}
		}
		lines = lines[n:]
	}
	return out, nil
}
