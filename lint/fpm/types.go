// Package fpm reads PHP-FPM's configuration: php-fpm.conf, the pools that it includes, and the
// php.ini settings that are in effect in each pool. It says what php-fpm itself would refuse; what
// is unwise is for rules to say.
package fpm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"fpmlint/lint/source"
)

// Options describe an FPM tree: what its place says about it.
type Options struct {
	// Version is PHP's, such as "8.2"; "" where the place does not tell.
	Version string
	// Family is the layout's: debian, rhel, remi, alpine, docker, freebsd, homebrew, cpanel, plesk, other.
	Family string
	// Prefix is the directory that FPM puts before relative paths.
	Prefix string
	// IniFile is the SAPI's php.ini, IniDir the directory of its conf.d.
	IniFile, IniDir string
	// Below is the directory that holds the layout where that is not the root.
	Below string
}

// Entry is one "key = value" line.
type Entry struct {
	// Section is the section in which the line stands: "global", or a pool's name.
	Section string
	// Key is in lower case, Index is X of env[X] or php_value[X].
	Key, Index string
	// Value is what PHP's INI parser makes of the value: no quotes, no comment. $pool is not
	// expanded yet.
	Value string
	// Unknown says why the value is not known: it names an environment variable.
	Unknown string
	// Span is the line without its line ending, KeySpan the key with its index, ValueSpan the
	// value with its quotes; it is empty, behind the "=", where there is none.
	Span, KeySpan, ValueSpan source.Span
	// Adrift is the header of the section in which the line stands although the header's file was
	// read to its end before: FPM keeps a section open over the end of an include. Zero otherwise.
	Adrift source.Span
}

// Include is an include line and what it leads to.
type Include struct {
	Entry *Entry
	Files []*source.File
	// Beside are FPM's files that stand where the pattern looks, or where the main file's own
	// pools would be; only where the pattern matches none.
	Beside []*source.File
}

// Setting is the value of a key that is in effect.
type Setting struct {
	Text string
	// Span is the value's; zero for a default.
	Span  source.Span
	Entry *Entry
	// IsDefault says that the key is not set.
	IsDefault bool
	// Unknown says why the value is not known.
	Unknown string
	// Overrides are earlier lines that the effective one replaces.
	Overrides []*Entry
}

// Master is one FPM master process: its main file with everything that it includes.
type Master struct {
	Root *source.Root
	// Conf is the main file; the first pool's file where PoolsOnly.
	Conf *source.File
	Options
	// Blind says that the main file is a template, or binary: what it sets is not known.
	Blind bool
	// PoolsOnly says that pools were read without the main file that includes them.
	PoolsOnly bool
	// Installed says that the FPM program is under the root, HasBinaries that the root holds
	// programs at all: a tree of configurations does not.
	Installed, HasBinaries bool
	Pools                  []*Pool
	// Files are the files read, in order, each once.
	Files []*source.File
	// Entries are all lines, in the order in which FPM reads them.
	Entries  []*Entry
	Includes []Include
	Problems []source.Problem
	// INI are the files in place of IniFile and IniDir where a compose file shows them, in the order in
	// which PHP reads them; INIMore says what else may set the same.
	INI     []string
	INIMore string
	// XdebugMode says what may set XDEBUG_MODE in the environment, which counts before xdebug.mode.
	XdebugMode string

	incomplete bool // something was not read

	globals map[string][]*Entry
	headers []header
	iniOnce sync.Once
	layOnce sync.Once
	lay     layout
	outOnce sync.Once
	out     []*Pool
	ini     *phpIni
}

// header is a section's beginning.
type header struct {
	name string
	span source.Span
}

// Pool is one pool of workers.
type Pool struct {
	Name   string
	Master *Master
	// Header is the first [name], Headers all of them: a pool may be opened again.
	Header  source.Span
	Headers []source.Span

	settings map[string][]*Entry
	arrays   []*Entry // env[], php_value[] and their likes, in order
	iniOnce  sync.Once
	ini      map[string]*Entry // those that count, by php.ini's names
}

// Serves says whether the master can be running: its program is installed, as far as the root shows.
func (m *Master) Serves() bool { return m.Installed || !m.HasBinaries }

// Complete says whether all of the configuration was read.
func (m *Master) Complete() bool { return !m.Blind && !m.incomplete }

// Comments says whether one of some texts stands in the files, such as in the comments that they came
// with.
func (m *Master) Comments(texts ...string) bool {
	return slices.ContainsFunc(m.Files, func(f *source.File) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return bytes.Contains(f.Data, []byte(text)) })
	})
}

// Differs says how ini.v1, as a second and independent reader, reads a file differently; "" where
// both agree. The scanner's reading stands either way, but a file on which two readers disagree is
// not one to edit.
func (m *Master) Differs(f *source.File) string {
	return pair(f, strings.HasPrefix(m.Version, "5"))
}

// Global is a setting of the [global] section.
func (m *Master) Global(key string) Setting {
	return effective(m.globals[key], globalDefault(key))
}

// GlobalInt is a global count; false where it is unknown or no number.
func (m *Master) GlobalInt(key string) (int, bool) { return m.Global(key).integer() }

// GlobalSeconds is a global time in seconds, by FPM's rule.
func (m *Master) GlobalSeconds(key string) (int, bool) { return m.Global(key).seconds() }

// GlobalHeader is the first [global], zero where there is none.
func (m *Master) GlobalHeader() source.Span {
	for _, h := range m.headers {
		if strings.EqualFold(h.name, "global") {
			return h.span
		}
	}
	return source.Span{}
}

// Get is a pool's setting that is in effect: the last line wins, $pool is expanded.
func (p *Pool) Get(key string) Setting {
	return p.expanded(effective(p.settings[key], poolDefault(key, p.Master.Version)))
}

func (p *Pool) expanded(s Setting) Setting {
	text := p.Expand(s.Text)
	if len(text) > maxLine {
		s.Unknown = fmt.Sprintf("it is longer than %d bytes", maxLine)
	}
	s.Text = text
	return s
}

// Expand puts the pool's name in place of $pool, as often as there is room: a long name may stand in a
// long value thousands of times.
func (p *Pool) Expand(text string) string {
	return strings.Replace(text, "$pool", p.Name, 2+maxLine/max(1, len(p.Name)))
}

// Int is a pool's count; false where it is not set and has no default, unknown or no number.
func (p *Pool) Int(key string) (int, bool) { return p.Get(key).integer() }

// Seconds is a pool's time in seconds, by FPM's rule.
func (p *Pool) Seconds(key string) (int, bool) { return p.Get(key).seconds() }

// Bool is a pool's switch.
func (p *Pool) Bool(key string) (value, ok bool) {
	s := p.Get(key)
	if s.Unknown != "" {
		return false, false
	}
	return parseBool(s.Text)
}

// IniEntries are the pool's php_value, php_flag, php_admin_value and php_admin_flag lines.
func (p *Pool) IniEntries() []*Entry {
	return p.array("php_value", "php_flag", "php_admin_value", "php_admin_flag")
}

func (p *Pool) array(keys ...string) []*Entry {
	var out []*Entry
	for _, e := range p.arrays {
		for _, k := range keys {
			if e.Key == k {
				out = append(out, e)
			}
		}
	}
	return out
}

func effective(entries []*Entry, fallback string) Setting {
	if len(entries) == 0 {
		return Setting{Text: fallback, IsDefault: true}
	}
	e := entries[len(entries)-1]
	return Setting{Text: e.Value, Span: e.ValueSpan, Entry: e, Unknown: e.Unknown, Overrides: entries[:len(entries)-1]}
}
