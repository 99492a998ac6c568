// Package compose reads what a docker compose file says about where containers' files come from
// and by which names and paths containers reach each other. It looks into no image
// and runs no container.
package compose

import (
	"path"
	"strings"

	"fpmlint/lint/source"
)

// Names are the files that docker compose looks for, the preferred first.
var Names = []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}

// Project is one compose file.
type Project struct {
	File     *source.File
	Services map[string]*Service
	// Ordered are the services in the order of the file.
	Ordered []*Service
	// Unknown says what else may define services: an include, say.
	Unknown string
	// External are the networks that containers of other projects may join.
	External map[string]bool
	// Configs are the files of the top level's configs, by name.
	Configs map[string]string
}

// Service is one service of a project.
type Service struct {
	Name    string
	Project *Project
	// Span is where the service's name stands.
	Span source.Span
	// Image is as it is written, "" where there is only a build.
	Image string
	Build *Build
	// Names are those by which others reach the container besides Name.
	Names []string
	// Mounts are its volumes, configs and secrets.
	Mounts []Mount
	// NetworkMode is as written, "" for networks of its own.
	NetworkMode string
	Networks    []string
	// Own are host names that only this service's /etc/hosts or links to other projects know.
	Own []string
	// Links are the services of the project that this one knows by further names, in lower case.
	Links map[string]string
	// User is as written: who the container's processes are, where that is not the image's choice.
	User string
	// Environment are the names of the variables that the container has from here; EnvFile says that a
	// file brings more.
	Environment []string
	EnvFile     bool
	// Command says that the image's command or entry point is replaced.
	Command bool
	// Unknown says what else may set the service: extends, volumes_from.
	Unknown string
}

// Build is how a service's image is built. Paths are as written, relative to the compose file.
type Build struct{ Context, Dockerfile, Target string }

// Mount is a directory or a file of a container that lies elsewhere.
type Mount struct {
	// Source is a path inside the root, where the mount is of the repository's files.
	Source string
	// Volume identifies what is mounted, for comparison within the project: a named volume, or a
	// path of the host. "" where nothing else can have it.
	Volume string
	// Target is the absolute path in the container.
	Target string
	// Unknown says that Source holds a variable.
	Unknown bool
}

// local turns a path of the compose file into one inside the root; "" where it is not below it.
func (p *Project) local(name string) string {
	if name == "" || strings.Contains(name, "$") || strings.HasPrefix(name, "~") || path.IsAbs(name) {
		return ""
	}
	dir := path.Dir(p.File.Path)
	joined := path.Join(strings.TrimPrefix(dir, "/"), name)
	if joined == ".." || strings.HasPrefix(joined, "../") {
		return ""
	}
	return path.Join("/", joined)
}

// In is where a file of the repository lies in the service's container by its mounts, "" where
// none brings it. Of several it is the nearest: a file's own before its directory's.
func (s *Service) In(file string) (target string) {
	longest := -1
	for _, m := range s.Mounts {
		rest, below := cutDir(file, m.Source)
		if m.Source != "" && below && len(m.Source) > longest {
			target, longest = path.Join(m.Target, rest), len(m.Source)
		}
	}
	return target
}

// cutDir cuts a directory off a path that is below it or it itself.
func cutDir(p, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(p, strings.TrimSuffix(dir, "/"))
	return rest, ok && (rest == "" || rest[0] == '/')
}

// Answers says whether the service's container is reached by a host name.
func (s *Service) Answers(name string) bool {
	if strings.EqualFold(s.Name, name) {
		return true
	}
	for _, n := range s.Names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}
