package stack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// loadFiles makes one stack of single files, told by content.
func loadFiles(files []string, o Options) (*Stack, error) {
	s := &Stack{Name: strings.Join(files, ", ")}
	var c candidates
	c.fragments = map[nginx.Kind][]string{}
	var root *source.Root
	var err error
	for _, name := range files {
		if name == "-" {
			if err := s.addStdin(o); err != nil {
				return nil, err
			}
			continue
		}
		if root == nil {
			if root, err = rootFor(files, o); err != nil {
				return nil, err
			}
		}
		p := inside(root, name)
		f, err := root.Read(p)
		if err != nil {
			return nil, err
		}
		if source.IsDump(f.Data) {
			dump, main, err := source.Dump(name, bytes.NewReader(f.Data))
			if err != nil {
				return nil, err
			}
			if err := s.addNginx(dump, []string{main}); err != nil {
				return nil, err
			}
			continue
		}
		if !c.addNamed(root, f) {
			return nil, fmt.Errorf("%s: %w", name, errUnrecognised)
		}
	}
	if root == nil {
		root = source.Memory("-", nil)
	}
	if err := s.addAll(root, c); err != nil {
		return nil, err
	}
	for _, conf := range o.FPMConf {
		at := root
		if at.Disk() == "" { // standard input: the other side lies on disk
			if at, err = rootFor([]string{conf}, o); err != nil {
				return nil, err
			}
		}
		if err := s.addFPM(at, []string{conf}); err != nil {
			return nil, err
		}
	}
	facts := newStack(root, s.Name, o)
	s.RootName, s.NginxHost, s.FPMHost, s.Live, s.Loose = root.Name, facts.NginxHost, facts.FPMHost, facts.Live, !facts.Live
	return s, nil
}

var errUnrecognised = fmt.Errorf("neither nginx nor PHP-FPM configuration by its content: name it with --nginx-conf or --fpm-conf if it is")

// addInner loads fragments that belong inside a server or a location.
func (s *Stack) addInner(root *source.Root, c candidates) error {
	for kind, context := range map[nginx.Kind]string{nginx.KindServer: "server", nginx.KindLocation: "location"} {
		for _, p := range c.fragments[kind] {
			config, err := nginx.Load(root, p, nginx.Options{Fragment: context})
			if err != nil {
				return err
			}
			s.Nginx = append(s.Nginx, config)
		}
	}
	return nil
}

// addStdin reads standard input: an nginx -T dump, an nginx file or an FPM file.
func (s *Stack) addStdin(o Options) error {
	data, err := io.ReadAll(io.LimitReader(o.Stdin, source.MaxDumpSize+1))
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if len(data) > source.MaxDumpSize {
		return fmt.Errorf("standard input: larger than %d MiB", source.MaxDumpSize>>20)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("standard input is empty")
	}
	if source.IsDump(data) {
		root, main, err := source.Dump("-", bytes.NewReader(data))
		if err != nil {
			return err
		}
		return s.addNginx(root, []string{main})
	}
	root := source.Memory("-", map[string]string{"/<stdin>": string(data)})
	var c candidates
	c.fragments = map[nginx.Kind][]string{}
	f, err := root.Read("/<stdin>")
	if err != nil {
		return err
	}
	if !c.addNamed(root, f) {
		return fmt.Errorf("standard input: %w", errUnrecognised)
	}
	return s.addAll(root, c)
}

// addAll adds what files that were given by name, or standard input, hold.
func (s *Stack) addAll(root *source.Root, c candidates) error {
	if err := s.addNginxCandidates(root, c); err != nil {
		return err
	}
	if err := s.addInner(root, c); err != nil {
		return err
	}
	return s.addFPMCandidates(root, c)
}

// systemDirs hold a machine's own configuration: a file given from there is read with "/" as its
// root. Any other file is read with its repository, or its own directory, as the root, so that an
// untrusted checkout cannot make fpmlint read the machine's files; several with the directory that
// holds them all.
var systemDirs = []string{"/etc/", "/usr/local/etc/", "/usr/local/nginx/", "/usr/local/openresty/", "/opt/"}

func rootFor(names []string, o Options) (*source.Root, error) {
	if o.Root != "" {
		return source.DirWith(o.Root, o.Overlay)
	}
	common := ""
	for _, name := range names {
		if name == "-" {
			continue
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		dir := rootOf(abs, checkout(abs))
		if dir == "/" { // the machine's own is all of it
			return source.DirWith(dir, o.Overlay)
		}
		if common == "" {
			common = dir
		}
		if common = above(common, dir); common == "" {
			return nil, fmt.Errorf("%s and %s lie in no directory in common: give --root", names[0], name)
		}
	}
	return source.DirWith(common, o.Overlay)
}

// above is the nearest directory that holds two, "" where only the root does.
func above(a, b string) string {
	for {
		if rel, err := filepath.Rel(a, b); err == nil && filepath.IsLocal(rel) {
			return a
		}
		parent := filepath.Dir(a)
		if parent == filepath.Dir(parent) {
			return ""
		}
		a = parent
	}
}

// rootOf is the root of a file in a checkout, "" where it is in none. People have checkouts in /opt;
// one of /etc is the machine's own.
func rootOf(file, checkout string) string {
	system := slices.ContainsFunc(systemDirs, func(dir string) bool { return strings.HasPrefix(file, dir) })
	switch {
	case system && !strings.HasPrefix(checkout, "/opt/"):
		return "/"
	case checkout != "":
		return checkout
	}
	return filepath.Dir(file)
}

// checkout is the directory of the repository that a file is in, "" where it is in none.
func checkout(file string) string {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}
