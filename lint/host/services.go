package host

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"

	"fpmlint/lint/source"
)

// Service is a systemd service that starts nginx or PHP-FPM (systemd.service(5)).
type Service struct {
	// Name is the unit's, such as php8.2-fpm.service.
	Name string
	// Program is nginx or php-fpm.
	Program string
	// Start is the command line.
	Start string
	// Restart is no where it is not set.
	Restart string
	// PrivateTmp says that the service sees a /tmp and /var/tmp of its own.
	// Joined says that it shares another unit's (JoinsNamespaceOf).
	PrivateTmp, Joined bool
	// At is the [Service] line, PrivateTmpAt the line that sets PrivateTmp.
	At, PrivateTmpAt source.Span
}

// unitDirs are where systemd looks for units, the first first (systemd.unit(5)).
var unitDirs = []string{
	"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
}

func (f *Facts) readServices(root *source.Root) {
	files := map[string]string{}     // the unit's file by its name
	dropIns := map[string][]string{} // directories of additions by the unit's name
	seen := map[string]bool{}        // mostly /lib is a link to /usr/lib
	for _, dir := range unitDirs {
		real, err := root.Resolve(dir)
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		entries, err := root.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if unit, ok := strings.CutSuffix(e.Name(), ".d"); ok {
				dropIns[unit] = append(dropIns[unit], path.Join(dir, e.Name()))
			}
			if _, seen := files[e.Name()]; !seen && likelyUnit(e.Name()) {
				files[e.Name()] = path.Join(dir, e.Name())
			}
		}
	}
	for name, file := range files {
		s := Service{Name: name, Restart: "no"}
		if !s.read(root, file) { // masked: a link to /dev/null
			continue
		}
		for _, dropIn := range additions(root, dropIns[name]) {
			s.read(root, dropIn)
		}
		if s.Program = started(s.Start); s.Program == "" {
			continue
		}
		f.Services = append(f.Services, s)
	}
	slices.SortFunc(f.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
}

// started is the program that a command line names: nginx, php-fpm or "". A wrapper may stand before it.
func started(command string) string {
	for i, word := range strings.Split(command, " ") {
		base := word[strings.LastIndexByte(word, '/')+1:]
		if i > 0 && base == word {
			continue // an argument, not a program's path
		}
		if base == "nginx" || base == "openresty" {
			return "nginx"
		}
		// php-fpm, php-fpm8.2, php8.2-fpm, php82-fpm
		version, after, fpm := strings.Cut(base, "fpm")
		version, php := strings.CutPrefix(version, "php")
		if fpm && php && strings.Trim(strings.TrimSuffix(strings.TrimPrefix(version, "-"), "-")+after, "0123456789.") == "" {
			return "php-fpm"
		}
	}
	return ""
}

// likelyUnit says whether a unit may start nginx or PHP-FPM, by its name. Templates start nothing.
func likelyUnit(name string) bool {
	if !strings.HasSuffix(name, ".service") || strings.Contains(name, "@") {
		return false
	}
	return slices.ContainsFunc([]string{"nginx", "openresty", "php", "fpm"}, func(part string) bool { return strings.Contains(name, part) })
}

// additions are the files in a unit's directories of them, in the order in which they count: by name,
// those of the first directory hide their namesakes.
func additions(root *source.Root, dirs []string) []string {
	byName := map[string]string{}
	for _, dir := range dirs {
		entries, err := root.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if _, seen := byName[e.Name()]; !seen && strings.HasSuffix(e.Name(), ".conf") {
				byName[e.Name()] = path.Join(dir, e.Name())
			}
		}
	}
	names := make([]string, 0, len(byName))
	for n := range byName {
		names = append(names, n)
	}
	slices.Sort(names)
	for i, n := range names {
		names[i] = byName[n]
	}
	return names
}

// read takes a file's settings over; false where it is none.
func (s *Service) read(root *source.Root, name string) bool {
	const maxUnit = 1 << 20
	file, err := root.Read(name)
	if err != nil || len(file.Data) > maxUnit {
		return false
	}
	options, err := unit.DeserializeOptions(bytes.NewReader(file.Data))
	if err != nil {
		return false
	}
	if s.At.IsZero() {
		s.At = lineOf(file, "[Service]")
	}
	for _, o := range options {
		if o.Section == "Unit" && o.Name == "JoinsNamespaceOf" && o.Value != "" {
			s.Joined = true
		}
		if o.Section != "Service" {
			continue
		}
		switch o.Name {
		case "ExecStart":
			s.Start = strings.TrimLeft(o.Value, "-@:+!")
		case "Restart":
			if s.Restart = o.Value; s.Restart == "" {
				s.Restart = "no"
			}
		case "PrivateTmp":
			if s.PrivateTmp = isTrue(o.Value); s.PrivateTmp {
				s.PrivateTmpAt = lineOf(file, "PrivateTmp")
			}
		}
	}
	return true
}

// isTrue reads a boolean of systemd; PrivateTmp may be disconnected too.
func isTrue(v string) bool {
	switch strings.ToLower(v) {
	case "1", "yes", "y", "true", "t", "on", "disconnected":
		return true
	}
	return false
}

// lineOf is the first line that begins with a text, else the file's beginning.
func lineOf(f *source.File, text string) source.Span {
	offset := 0
	for line := range bytes.Lines(f.Data) {
		if bytes.HasPrefix(line, []byte(text)) {
			return f.Span(offset, offset+len(bytes.TrimRight(line, "\r\n")))
		}
		offset += len(line)
	}
	return f.Span(0, 0)
}
