package compose

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// Image is what is known of a service's image.
type Image struct {
	// Base is the image that others are built on, as written; "" where that is not known.
	Base string
	// Unknown says what may set FPM or nginx in the image otherwise: a command of the build.
	Unknown string
	// User is the build's last USER, as written.
	User string

	copies []copied
	runs   []string
	env    []string // its ENV instructions
	dir    string   // the working directory, "" where it is not known
}

// copied is a COPY: sources inside the root, which may be patterns.
type copied struct {
	sources []string
	target  string // with "/" at its end where it is a directory
}

// maxDockerfile bounds a Dockerfile, in bytes.
const maxDockerfile = 64 << 10

// ImageIn reads the Dockerfile of a service, or takes its image as it is.
func (s *Service) ImageIn(root *source.Root) Image {
	if s.Build == nil {
		return Image{Base: s.Image}
	}
	context := s.Project.local(s.Build.Context)
	name := s.Build.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	if context == "" || strings.Contains(name, "$") || path.IsAbs(name) {
		return Image{Unknown: "its build"}
	}
	f, err := root.Read(path.Join(context, name))
	if err != nil || len(f.Data) > maxDockerfile {
		return Image{Unknown: "its Dockerfile"}
	}
	parsed, err := parser.Parse(bytes.NewReader(f.Data))
	if err != nil {
		return Image{Unknown: f.Display}
	}
	stages, ok := stagesOf(parsed.AST)
	if !ok {
		return Image{Unknown: f.Display}
	}
	built := chain(stages, s.Build.Target)
	image := Image{Base: built[len(built)-1].base}
	switch {
	case officialPHP().MatchString(image.Base):
		image.dir = "/var/www/html"
	case officialNginx().MatchString(image.Base):
		image.dir = "/"
	}
	for _, stage := range slices.Backward(built) {
		for _, c := range stage.commands {
			image.command(c, context, f.Display)
		}
	}
	return image
}

var (
	officialPHP   = lazy.Regexp(`^(?:docker\.io/)?(?:library/)?php(?:[:@]|$)`)
	officialNginx = lazy.Regexp(`^(?:docker\.io/)?(?:library/)?nginx(?:[:@]|$)`)
)

// iniDir is what PHP_INI_DIR stands for in the official PHP image.
const iniDir = "/usr/local/etc/php"

// imageDirs are directories of the official images: what is copied there lies in them, with a "/" at the
// target's end or without.
var imageDirs = []string{"/etc/nginx", "/etc/nginx/conf.d", "/usr/local/etc", "/usr/local/etc/php-fpm.d", iniDir, iniDir + "/conf.d"}

// place is a path in the container, "" where it is not known.
func (i *Image) place(p string) string {
	if officialPHP().MatchString(i.Base) {
		if rest, ok := strings.CutPrefix(strings.Replace(p, "${PHP_INI_DIR}", "$PHP_INI_DIR", 1), "$PHP_INI_DIR"); ok && (rest == "" || rest[0] == '/') {
			p = iniDir + rest
		}
	}
	if strings.Contains(p, "$") || !path.IsAbs(p) && i.dir == "" {
		return ""
	}
	end := ""
	if strings.HasSuffix(p, "/") || path.Base(p) == "." || path.Base(p) == ".." {
		end = "/"
	}
	if !path.IsAbs(p) {
		p = path.Join(i.dir, p)
	}
	return strings.TrimSuffix(path.Clean(p), "/") + end
}

// stage is a FROM with what follows it.
type stage struct {
	base, name string
	commands   []*parser.Node
}

// stagesOf parts a Dockerfile at its FROMs. Buildkit's typed instructions would do that too, but they
// check what no image's configuration depends on, and each start of fpmlint would pay for them.
func stagesOf(ast *parser.Node) (stages []stage, ok bool) {
	for _, n := range ast.Children {
		name := strings.ToLower(n.Value)
		if _, known := command.Commands[name]; !known {
			return nil, false
		}
		switch args := arguments(n); {
		case name == command.From && len(args) == 1:
			stages = append(stages, stage{base: args[0]})
		case name == command.From && len(args) == 3 && strings.EqualFold(args[1], "as"):
			stages = append(stages, stage{base: args[0], name: args[2]})
		case len(stages) > 0 && name != command.From:
			last := &stages[len(stages)-1]
			last.commands = append(last.commands, n)
		case name != command.Arg:
			return nil, false
		}
	}
	return stages, len(stages) > 0
}

// arguments are an instruction's, without its flags.
func arguments(n *parser.Node) (args []string) {
	for n := n.Next; n != nil; n = n.Next {
		args = append(args, n.Value)
	}
	return args
}

// chain is a stage with those that it is built on, the target's or the last one first.
func chain(stages []stage, target string) []stage {
	i := len(stages) - 1
	for j, s := range stages {
		if target != "" && strings.EqualFold(s.name, target) {
			i = j
		}
	}
	out := []stage{stages[i]}
	for j := i - 1; j >= 0; j-- {
		if strings.EqualFold(stages[j].name, out[len(out)-1].base) {
			out = append(out, stages[j])
		}
	}
	return out
}

// settings matches commands that may change what FPM listens on, or add FPM to nginx's image.
var settings = lazy.Regexp(`php-fpm\.(?:d|conf)|www\.conf|docker\.conf|\blisten\b|(?:apk|apt|apt-get|dnf|yum|microdnf)\b.*\bphp|supervisor|s6-|\.sh\b`)

func (i *Image) command(n *parser.Node, context, file string) {
	words := strings.Join(arguments(n), " ")
	switch strings.ToLower(n.Value) {
	case command.Run:
		i.runs = append(i.runs, words)
		if settings().MatchString(words) || len(n.Heredocs) > 0 {
			i.Unknown = file
		}
	case command.Env:
		i.env = append(i.env, words)
	case command.User:
		i.User = words
	case command.Workdir:
		i.dir = i.place(words)
	case command.Entrypoint:
		i.Unknown = file
	case command.Cmd:
		if strings.TrimSpace(words) != "php-fpm" && !strings.HasPrefix(words, "nginx") {
			i.Unknown = file
		}
	case command.Add, command.Copy:
		i.copy(n, context, file)
	}
}

// fetchedOrUnpacked matches what ADD does not copy as it is.
var fetchedOrUnpacked = lazy.Regexp(`://|^git@|\.(?:tar|tgz|tbz2?|txz|tar\.[a-z0-9]+)$`)

// copy takes over what ADD or COPY brings from the repository.
func (i *Image) copy(n *parser.Node, context, file string) {
	args := arguments(n)
	if len(args) < 2 {
		i.Unknown = file
		return
	}
	sources, target := args[:len(args)-1], args[len(args)-1]
	plain, elsewhere := len(n.Heredocs) == 0, false
	for _, flag := range n.Flags {
		name, _, _ := strings.Cut(flag, "=")
		elsewhere = elsewhere || name == "--from"
		plain = plain && slices.Contains([]string{"--chown", "--chmod", "--link"}, name)
	}
	if strings.EqualFold(n.Value, command.Add) {
		plain = plain && !slices.ContainsFunc(sources, fetchedOrUnpacked().MatchString)
	}
	if target = i.place(target); target == "" {
		if !elsewhere {
			i.Unknown = file
		}
		return
	}
	if !plain {
		if Configured(target) {
			i.Unknown = file
		}
		return
	}
	if (len(sources) > 1 || slices.Contains(imageDirs, target)) && !strings.HasSuffix(target, "/") {
		target += "/"
	}
	c := copied{target: target}
	for _, s := range sources {
		c.sources = append(c.sources, path.Join(context, s))
	}
	i.copies = append(i.copies, c)
}

// Configured says whether a path of a container is, holds, or lies in a directory from which
// daemons of images read their configuration.
func Configured(p string) bool {
	return slices.ContainsFunc([]string{"/etc", "/usr/local/etc", "/usr/local/nginx", "/usr/local/openresty", "/opt"}, func(dir string) bool {
		return Overlap(p, dir)
	})
}

// Overlap says whether one of two paths of a container is the other, or below it.
func Overlap(p, q string) bool {
	p, q = path.Clean(p), path.Clean(q)
	_, in := cutDir(p, q)
	_, over := cutDir(q, p)
	return in || over
}

// In is where the build puts a file of the repository, "" where it does not. Of several places it is one
// from which daemons read: the whole repository is often copied once more.
func (i Image) In(file string) (target string) {
	for _, c := range i.copies {
		for _, s := range c.sources {
			rest, below := cutDir(file, s)
			matched, err := path.Match(s, file)
			to := ""
			switch {
			case below && rest != "":
				to = path.Join(c.target, rest)
			case below || matched && err == nil:
				to = path.Clean(c.target)
				if strings.HasSuffix(c.target, "/") {
					to = path.Join(c.target, path.Base(file))
				}
			}
			if to != "" && (Configured(to) || !Configured(target)) {
				target = to
			}
		}
	}
	return target
}

// wholeDir matches what a command does to all files of nginx.
var wholeDir = lazy.Regexp(`/etc/nginx(?:[/\s"'*]*$|/?[\s"';&|*])`)

// Brings says whether the build may bring a file of nginx, or change the one that its image has.
func (i Image) Brings(file string) bool {
	changed := slices.ContainsFunc(i.runs, func(r string) bool { return strings.Contains(r, path.Base(file)) || wholeDir().MatchString(r) })
	return changed || slices.ContainsFunc(i.copies, func(c copied) bool {
		if path.Clean(c.target) == path.Dir(file) && !slices.ContainsFunc(c.sources, func(s string) bool { return path.Ext(s) != ".conf" }) {
			return false // single files of other names
		}
		_, above := cutDir(file, path.Clean(c.target))
		return above || path.Clean(c.target) == "/"
	})
}

// SetsINI says whether a command of the build may set PHP's values: all that names a file of them, but for
// those that come with the image.
func (i Image) SetsINI() bool {
	return slices.ContainsFunc(i.runs, func(r string) bool {
		return strings.Contains(stockINI().ReplaceAllString(r, ""), ".ini") || strings.Contains(r, "conf.d")
	})
}

// SetsEnv says whether the build may set an environment variable.
func (i Image) SetsEnv(name string) bool {
	return slices.ContainsFunc(i.env, func(e string) bool { return strings.Contains(e, name) })
}

// stockINI matches the image's own php.ini-production and php.ini-development, whose limits are those
// that PHP has without them, and where they are moved to.
var stockINI = lazy.Regexp(`php\.ini(?:-production|-development)?\b`)

// Sources are the paths of the repository that the build copies, of a pattern its directory.
func (i Image) Sources() []string {
	var out []string
	for _, c := range i.copies {
		for _, s := range c.sources {
			for strings.ContainsAny(s, `*?[\`) {
				s = path.Dir(s)
			}
			out = append(out, s)
		}
	}
	return out
}
