package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"fpmlint/lint/compose"
	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// Options say what to load. The zero value is this machine.
type Options struct {
	// Name is what reports call the stack, where all of the input is one; "" names it by its place.
	Name string
	// Paths are files, directories, snapshots, "-" for standard input. None is this machine, or
	// Root where that is given.
	Paths []string
	// Root is a directory with a root-like layout. Absolute paths in configurations are below it.
	Root string
	// NginxRoot and FPMRoot are the roots of an nginx and a PHP image that live apart.
	NginxRoot, FPMRoot string
	// NginxConf and FPMConf are entry points, as paths inside the root, or on disk below it.
	NginxConf, FPMConf []string
	// Hosts are FPM sides, each a directory or a file, by the host names under which nginx reaches them.
	Hosts map[string]string
	// RAM, Reserve and WorkerRSS are facts given by the user, in bytes; 0 is not given.
	RAM, Reserve, WorkerRSS int64
	// Installed are PHP versions whose program the user names: they count as installed.
	Installed []string
	// Upgrade asks for a change of PHP's version; nil does not.
	Upgrade *UpgradeOptions
	// Overlay holds contents that files on disk are to have.
	Overlay source.Overlay
	// Stdin is read for the path "-".
	Stdin io.Reader
}

// ErrNothing says that a path held neither nginx nor PHP-FPM configuration.
var ErrNothing = errors.New("no nginx or PHP-FPM configuration found")

// Load reads stacks and joins them. Its errors are about what cannot be linted at all; faults in
// configurations are problems of the stack.
func Load(ctx context.Context, o Options) ([]*Stack, error) {
	loaded, err := load(o)
	if err != nil {
		return nil, err
	}
	if len(loaded) > 1 && (o.Name != "" || len(o.Hosts) > 0) {
		return nil, fmt.Errorf("%s: its paths are %d stacks: give one path, or files that belong together", o.Name, len(loaded))
	}
	for _, s := range loaded {
		s.Name = cmp.Or(o.Name, s.Name)
		if len(o.Hosts) > 0 {
			if err := s.addHosts(o); err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(s.Nginx)+len(s.Masters)+len(s.NginxTemplates)+len(s.FPMTemplates) == 0 {
			return nil, fmt.Errorf("%s: %w", s.Name, ErrNothing)
		}
		for _, m := range s.Masters {
			m.Installed = m.Installed || slices.Contains(o.Installed, m.Version)
		}
		if err := s.findUpgrade(o.Upgrade); err != nil {
			return nil, err
		}
		s.Join()
	}
	return loaded, nil
}

func load(o Options) ([]*Stack, error) {
	switch {
	case o.NginxRoot != "" || o.FPMRoot != "":
		if len(o.Paths) > 0 || o.Root != "" {
			return nil, errors.New("--nginx-root and --fpm-root stand for all input: give no other path or --root with them")
		}
		s, err := loadSplit(o)
		return []*Stack{s}, err
	case len(o.Paths) == 0:
		dir := o.Root
		if dir == "" {
			dir = "/"
		}
		s, err := loadRoot(dir, o)
		return []*Stack{s}, err
	}
	return loadPaths(o)
}

func (o Options) host() host.Options {
	return host.Options{RAM: o.RAM, Reserve: o.Reserve, WorkerRSS: o.WorkerRSS}
}

// loadSplit reads the two sides from roots of their own. One of them may be missing: then only
// the other's rules have something to say.
func loadSplit(o Options) (*Stack, error) {
	s := &Stack{Split: true}
	var roots [2]*source.Root
	var facts [2]*host.Facts
	var names []string
	for i, dir := range []string{o.NginxRoot, o.FPMRoot} {
		if dir == "" {
			continue
		}
		root, err := source.DirWith(dir, o.Overlay)
		if err != nil {
			return nil, err
		}
		roots[i], facts[i] = root, host.Read(root, o.host())
		names = append(names, dir)
	}
	s.NginxHost, s.FPMHost = cmp.Or(facts[0], facts[1]), cmp.Or(facts[1], facts[0])
	s.Name = strings.Join(names, ", ")
	s.RootName = s.Name
	return s, s.addSides(roots[0], roots[1], o)
}

// loadRoot reads a directory with a root-like layout, "/" for this machine.
func loadRoot(dir string, o Options) (*Stack, error) {
	root, err := source.DirWith(dir, o.Overlay)
	if err != nil {
		return nil, err
	}
	return loadFrom(root, dir, o)
}

// LoadRoot reads and joins the stack of a root that is at hand.
func LoadRoot(root *source.Root, name string, o Options) (*Stack, error) {
	s, err := loadFrom(root, name, o)
	if err != nil {
		return nil, err
	}
	if len(s.Nginx)+len(s.Masters)+len(s.NginxTemplates)+len(s.FPMTemplates) == 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNothing)
	}
	s.Join()
	return s, nil
}

func loadFrom(root *source.Root, name string, o Options) (*Stack, error) {
	s := &Stack{Name: name, RootName: name, Live: root.Live()}
	sides := make(chan error, 1)
	go func() { sides <- s.addSides(root, root, o) }()
	s.readHost(root, o)
	s.findBuilds(root)
	if err := <-sides; err != nil {
		return nil, err
	}
	s.noteDisabled(root)
	if err := s.FPMHost.EvidenceErr; err != nil {
		s.Notes = append(s.Notes, err.Error())
	}
	return s, nil
}

// noteDisabled says which sites nobody enabled in a root without the directory of those that are, as git
// keeps no empty one and the links are often made elsewhere.
func (s *Stack) noteDisabled(root *source.Root) {
	seen := map[string]bool{}
	for _, c := range s.Nginx {
		dir := path.Dir(c.Conf.Path)
		entries, _ := root.ReadDir(dir) // not readable: none
		for _, e := range entries {
			name, ok := strings.CutSuffix(e.Name(), "-available")
			available := path.Join(dir, e.Name())
			if !ok || seen[available] || root.Exists(path.Join(dir, name+"-enabled")) {
				continue
			}
			seen[available] = true
			if sites, err := root.ReadDir(available); err == nil && len(sites) > 0 {
				s.Notes = append(s.Notes, fmt.Sprintf("%s was not read, as there is no %s-enabled: name the files that are enabled", root.Display(available), name))
			}
		}
	}
}

// addSides reads both sides at the same time; nil is a side that is not there.
func (s *Stack) addSides(nginxRoot, fpmRoot *source.Root, o Options) error {
	var group errgroup.Group
	if nginxRoot != nil {
		group.Go(func() error { return s.addNginx(nginxRoot, o.NginxConf) })
	}
	if fpmRoot != nil {
		group.Go(func() error { return s.addFPM(fpmRoot, o.FPMConf) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if nginxRoot != nil && len(s.Nginx) > 0 {
		s.addImageTemplates(nginxRoot)
	}
	if nginxRoot != nil && len(s.Nginx) == 0 && !nginxRoot.Whole() {
		if err := s.recogniseNginx(nginxRoot); err != nil {
			return err
		}
		s.Guessed = len(s.Nginx) > 0
	}
	if fpmRoot != nil && len(s.Masters) == 0 && !fpmRoot.Whole() {
		return s.recogniseFPM(fpmRoot)
	}
	return nil
}

func newStack(root *source.Root, name string, o Options) *Stack {
	s := &Stack{Name: name, RootName: name, Live: root.Live()}
	s.readHost(root, o)
	return s
}

// readHost reads the facts about the host that both sides share.
func (s *Stack) readHost(root *source.Root, o Options) {
	h := host.Read(root, o.host())
	s.NginxHost, s.FPMHost = h, h
}

// loadPaths reads each directory and snapshot as a stack, and all files together as one more.
func loadPaths(o Options) ([]*Stack, error) {
	var stacks []*Stack
	var files []string
	for _, p := range o.Paths {
		if p == "-" {
			files = append(files, p)
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		var s *Stack
		switch {
		case info.IsDir() && RootLike(p):
			s, err = loadRoot(p, o)
		case info.IsDir():
			s, err = loadRepository(p, o)
		case isSnapshot(p) && info.Mode().IsRegular(): // opening a FIFO would wait
			s, err = loadSnapshot(p, o)
		default:
			files = append(files, p)
			continue
		}
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, s)
	}
	if len(files) > 0 {
		s, err := loadFiles(files, o)
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, s)
	}
	return stacks, nil
}

// RootLike says whether a directory is laid out like a root: the parts that configuration lives in.
// One with a compose file is a repository all the same.
func RootLike(dir string) bool {
	for _, name := range compose.Names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return false
		}
	}
	for _, p := range []string{"etc/nginx", "etc/php", "etc/php-fpm.conf", "etc/php-fpm.d", "usr/local/etc", "etc/opt/remi", "opt/homebrew/etc"} {
		if _, err := os.Lstat(filepath.Join(dir, p)); err == nil {
			return true
		}
	}
	return false
}

func isSnapshot(p string) bool {
	for _, ext := range []string{".tar", ".tar.gz", ".tgz", ".tar.zst"} {
		if strings.HasSuffix(p, ext) {
			return true
		}
	}
	return false
}

func loadSnapshot(p string, o Options) (*Stack, error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	root, err := source.Tar(p, f)
	if err != nil {
		return nil, err
	}
	return loadFrom(root, p, o)
}

// NginxPlaces are where distributions and images keep the main file.
var NginxPlaces = []string{
	"/etc/nginx/nginx.conf",              // Debian, Ubuntu, RHEL, Alpine, the official images
	"/usr/local/etc/nginx/nginx.conf",    // FreeBSD, Homebrew on Intel
	"/opt/homebrew/etc/nginx/nginx.conf", // Homebrew on ARM
	"/usr/local/nginx/conf/nginx.conf",   // nginx's own default prefix
	"/usr/local/openresty/nginx/conf/nginx.conf",
	"/etc/openresty/nginx.conf",
	"/opt/bitnami/nginx/conf/nginx.conf",
	"/opt/nginx/conf/nginx.conf",
}

// addNginx loads the entry points given, else those at the known places.
func (s *Stack) addNginx(root *source.Root, given []string) error {
	for _, conf := range given {
		c, err := nginx.Load(root, inside(root, conf), nginx.Options{})
		if err != nil {
			return err
		}
		s.Nginx = append(s.Nginx, c)
	}
	if len(given) > 0 {
		return nil
	}
	seen := map[*source.File]bool{}
	dangling := "" // a link that leads nowhere
	for _, conf := range NginxPlaces {
		if !root.Exists(conf) {
			if _, err := root.Lstat(conf); err == nil && dangling == "" {
				dangling = conf
			}
			continue
		}
		c, err := nginx.Load(root, conf, nginx.Options{})
		if err != nil {
			return err
		}
		if !seen[c.Conf] {
			seen[c.Conf] = true
			s.Nginx = append(s.Nginx, c)
		}
	}
	if len(s.Nginx) == 0 && dangling != "" {
		_, err := root.Read(dangling)
		return err
	}
	return nil
}

// addFPM is addNginx's counterpart.
func (s *Stack) addFPM(root *source.Root, given []string) error {
	for _, conf := range given {
		m, err := fpm.Load(root, inside(root, conf), fpm.OptionsFor(root, inside(root, conf)))
		if err != nil {
			return err
		}
		s.Masters = append(s.Masters, m)
	}
	if len(given) > 0 {
		return nil
	}
	for _, found := range fpm.Discover(root) {
		m, err := found.Load(root)
		if err != nil {
			return err
		}
		s.Masters = append(s.Masters, m)
	}
	return nil
}

// inside turns an entry point, given as a path on disk or inside the root, into one inside it.
func inside(root *source.Root, p string) string {
	if root.Exists(p) {
		return path.Clean("/" + filepath.ToSlash(p))
	}
	if abs, err := filepath.Abs(p); err == nil {
		if top, err := filepath.Abs(root.Name); err == nil {
			if rel, err := filepath.Rel(top, abs); err == nil && filepath.IsLocal(rel) {
				return path.Join("/", filepath.ToSlash(rel))
			}
		}
	}
	return path.Clean("/" + filepath.ToSlash(p))
}
