package stack

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/address"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// builds are the files of a repository that make or change what its configurations lack: of
// images, scripts and playbooks. Those that move a socket are found when they are asked for.
type builds struct {
	root  *source.Root
	paths []string
	made  map[string]string // the file by the address that it sets; nil until it is asked for
}

// maxBuild bounds a file that is looked at, in bytes.
const maxBuild = 1 << 20

var (
	// makes matches lines that link a socket or set a pool's listen.
	makes = lazy.Regexp(`\bln\s|\bsymlink|listen|src:|LISTEN`)
	// place matches a socket's path, or an address with a port.
	place = lazy.Regexp(`/[\w./-]+|[\w.-]+:[0-9]{2,5}\b`)
)

// buildName says whether a file may be one of them.
func buildName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".sh", ".bash", ".yml", ".yaml", ".dockerfile", ".mk":
		return true
	}
	return strings.HasPrefix(name, "Dockerfile") || slices.Contains([]string{"Makefile", "Vagrantfile", "Containerfile"}, name)
}

// makes names the file that makes somebody listen at an address; "" where none does.
func (b *builds) makes(a address.Address) string {
	if b.made == nil {
		b.made = map[string]string{}
		for _, p := range b.paths {
			b.read(p)
		}
	}
	return b.made[a.String()]
}

func (b *builds) read(p string) {
	f, err := b.root.Read(p)
	if err != nil || len(f.Data) > maxBuild {
		return // what cannot be read says nothing
	}
	for line := range bytes.Lines(f.Data) {
		if !makes().Match(line) {
			continue
		}
		for _, text := range place().FindAllString(string(line), -1) {
			if text[0] == '/' {
				text = "unix:" + text
			}
			if a, err := address.ParseConnect(text); err == nil && b.made[a.String()] == "" {
				b.made[a.String()] = f.Display
			}
		}
	}
}
