package compose

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
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

	copies []copied
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
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil || len(stages) == 0 {
		return Image{Unknown: f.Display}
	}
	image := Image{}
	for _, stage := range chain(stages, s.Build.Target) {
		image.Base = stage.BaseName
		for _, c := range stage.Commands {
			image.command(c, context, f.Display)
		}
	}
	return image
}

// chain is a stage with those that it is built on, the target's or the last one first.
func chain(stages []instructions.Stage, target string) []instructions.Stage {
	i := len(stages) - 1
	for j, s := range stages {
		if target != "" && strings.EqualFold(s.Name, target) {
			i = j
		}
	}
	out := []instructions.Stage{stages[i]}
	for j := i - 1; j >= 0; j-- {
		if strings.EqualFold(stages[j].Name, out[len(out)-1].BaseName) {
			out = append(out, stages[j])
		}
	}
	return out
}

// settings matches commands that may change what FPM listens on, or add FPM to nginx's image.
var settings = lazy.Regexp(`php-fpm\.(?:d|conf)|www\.conf|docker\.conf|\blisten\b|(?:apk|apt|apt-get|dnf|yum|microdnf)\b.*\bphp|supervisor|s6-|\.sh\b`)

func (i *Image) command(c instructions.Command, context, file string) {
	switch c := c.(type) {
	case *instructions.RunCommand:
		if settings().MatchString(strings.Join(c.CmdLine, " ")) || len(c.Files) > 0 {
			i.Unknown = file
		}
	case *instructions.EntrypointCommand:
		i.Unknown = file
	case *instructions.CmdCommand:
		if words := strings.Join(c.CmdLine, " "); strings.TrimSpace(words) != "php-fpm" && !strings.HasPrefix(words, "nginx") {
			i.Unknown = file
		}
	case *instructions.AddCommand:
		i.copy(c.SourcePaths, c.DestPath, "", context, file)
	case *instructions.CopyCommand:
		i.copy(c.SourcePaths, c.DestPath, c.From, context, file)
	}
}

func (i *Image) copy(sources []string, target, from, context, file string) {
	if from != "" || !path.IsAbs(target) || strings.Contains(target, "$") {
		if from == "" || Configured(target) {
			i.Unknown = file
		}
		return
	}
	if len(sources) > 1 && !strings.HasSuffix(target, "/") {
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

// In is where the build puts a file of the repository, "" where it does not.
func (i Image) In(file string) (target string) {
	for _, c := range i.copies {
		for _, s := range c.sources {
			rest, below := cutDir(file, s)
			matched, err := path.Match(s, file)
			switch {
			case below && rest != "":
				target = path.Join(c.target, rest)
			case below || matched && err == nil:
				target = path.Clean(c.target)
				if strings.HasSuffix(c.target, "/") {
					target = path.Join(c.target, path.Base(file))
				}
			}
		}
	}
	return target
}

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
