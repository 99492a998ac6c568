package compose

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"fpmlint/lint/source"
)

// Bounds on a compose file: its size in bytes, the values that aliases may multiply it to, and
// its services, of which large projects have some hundred.
const (
	maxSize     = 1 << 20
	maxValues   = 50_000
	maxServices = 500
)

// errTooLarge says that a file is larger than any that people write.
var errTooLarge = fmt.Errorf("larger than %d KiB, or with aliases that make it so", maxSize>>10)

// Read reads a compose file. The error says why nothing of it is known.
func Read(f *source.File) (p *Project, err error) {
	if len(f.Data) > maxSize || source.Tangled(f.Data) > 0 {
		return nil, errTooLarge
	}
	tree, err := parser.ParseBytes(f.Data, 0)
	if err != nil {
		return nil, errors.New("not YAML")
	}
	p = &Project{File: f, Services: map[string]*Service{}, External: map[string]bool{}, Configs: map[string]string{}}
	r := &reader{project: p, anchors: map[string]ast.Node{}}
	for _, doc := range tree.Docs {
		if doc.Body != nil {
			ast.Walk(r, doc.Body)
			r.top(doc.Body)
		}
	}
	if r.values > maxValues || len(p.Ordered) > maxServices {
		return nil, errTooLarge
	}
	for _, s := range p.Services {
		for i, m := range s.Mounts {
			if name, ok := strings.CutPrefix(m.Source, fromConfigs); ok {
				s.Mounts[i].Source = p.Configs[name]
			}
		}
	}
	return p, nil
}

// reader takes the few keys that matter out of the tree.
type reader struct {
	project *Project
	anchors map[string]ast.Node
	values  int
}

// Visit gathers the anchors.
func (r *reader) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		r.anchors[a.Name.GetToken().Value] = a.Value
	}
	return r
}

// maxAliases bounds an alias of an alias, which may run in a circle.
const maxAliases = 8

// value follows anchors, aliases and tags; nil where they lead nowhere.
func (r *reader) value(n ast.Node) ast.Node {
	if r.values++; r.values > maxValues {
		return nil
	}
	for range maxAliases {
		switch v := n.(type) {
		case *ast.AliasNode:
			n = r.anchors[v.Value.GetToken().Value]
		case *ast.AnchorNode:
			n = v.Value
		case *ast.TagNode:
			n = v.Value
		default:
			return n
		}
	}
	return nil
}

// each reads a mapping, then what it merges in.
func (r *reader) each(n ast.Node, yield func(key, value ast.Node)) { r.merge(n, yield, maxAliases) }

func (r *reader) merge(n ast.Node, yield func(key, value ast.Node), depth int) {
	m, ok := r.value(n).(*ast.MappingNode)
	if !ok || depth == 0 {
		return
	}
	var merged []ast.Node
	for _, v := range m.Values {
		if r.value(v.Key) == nil {
			return
		}
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, v.Value)
			continue
		}
		yield(v.Key, v.Value)
	}
	for _, v := range merged {
		if list, ok := r.value(v).(*ast.SequenceNode); ok {
			for _, item := range list.Values {
				r.merge(item, yield, depth-1)
			}
			continue
		}
		r.merge(v, yield, depth-1)
	}
}

// list reads a sequence, or one value as a sequence.
func (r *reader) list(n ast.Node) []ast.Node {
	switch v := r.value(n).(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return v.Values
	default:
		return []ast.Node{v}
	}
}

// text reads a scalar; "" for anything else.
func (r *reader) text(n ast.Node) string {
	switch v := r.value(n).(type) {
	case *ast.StringNode:
		return v.Value
	case *ast.LiteralNode:
		return v.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value
	}
	return ""
}

func (r *reader) texts(n ast.Node) (out []string) {
	for _, item := range r.list(n) {
		if t := r.text(item); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// keys are a mapping's keys, or a sequence's values.
func (r *reader) keys(n ast.Node) []string {
	if _, ok := r.value(n).(*ast.SequenceNode); ok {
		return r.texts(n)
	}
	var out []string
	r.each(n, func(key, _ ast.Node) { out = append(out, r.text(key)) })
	return out
}

func (r *reader) top(n ast.Node) {
	p := r.project
	var services ast.Node
	r.each(n, func(key, value ast.Node) {
		switch r.text(key) {
		case "services":
			services = value
		case "include":
			p.Unknown = "it includes others"
		case "networks":
			r.each(value, func(key, network ast.Node) {
				r.each(network, func(k, v ast.Node) {
					if r.text(k) == "external" && r.text(v) != "false" {
						p.External[r.text(key)] = true
					}
				})
			})
		case "configs":
			r.each(value, func(key, config ast.Node) {
				r.each(config, func(k, v ast.Node) {
					if r.text(k) == "file" {
						p.Configs[r.text(key)] = p.local(r.text(v))
					}
				})
			})
		}
	})
	if services == nil {
		return
	}
	r.each(services, func(key, value ast.Node) {
		name := r.text(key)
		if name == "" || p.Services[name] != nil {
			return
		}
		s := &Service{Name: name, Project: p, Span: r.span(key)}
		p.Services[name] = s
		p.Ordered = append(p.Ordered, s)
		r.service(s, value)
	})
}

// span is where a key stands.
func (r *reader) span(n ast.Node) source.Span {
	f, t := r.project.File, n.GetToken()
	line, start := f.Line(t.Position.Line)
	from := min(t.Position.Column-1, len(line))
	if from < len(line) && (line[from] == '"' || line[from] == '\'') {
		from++
	}
	return f.Span(start+from, start+min(from+len(t.Value), len(line)))
}

func (r *reader) service(s *Service, n ast.Node) {
	seen := map[string]bool{}
	r.each(n, func(key, v ast.Node) {
		name := r.text(key)
		if seen[name] {
			return // what is merged in yields to what is written
		}
		seen[name] = true
		switch name {
		case "image":
			s.Image = r.text(v)
		case "build":
			s.Build = r.build(v)
		case "container_name", "hostname":
			s.Names = append(s.Names, r.text(v))
		case "network_mode", "net":
			s.NetworkMode = r.text(v)
		case "networks":
			s.Networks = r.keys(v)
			r.each(v, func(_, network ast.Node) {
				r.each(network, func(k, aliases ast.Node) {
					if r.text(k) == "aliases" {
						s.Names = append(s.Names, r.texts(aliases)...)
					}
				})
			})
		case "links":
			for _, l := range r.texts(v) {
				name, alias, _ := strings.Cut(l, ":")
				if s.Links == nil {
					s.Links = map[string]string{}
				}
				s.Links[strings.ToLower(cmp.Or(alias, name))] = name
			}
		case "external_links":
			for _, l := range r.texts(v) {
				_, alias, _ := strings.Cut(l, ":")
				s.Own = append(s.Own, alias, l)
			}
		case "extra_hosts":
			for _, h := range r.keys(v) {
				h, _, _ = strings.Cut(h, ":")
				h, _, _ = strings.Cut(h, "=")
				s.Own = append(s.Own, h)
			}
		case "user":
			s.User = r.text(v)
		case "environment":
			for _, e := range r.keys(v) {
				e, _, _ = strings.Cut(e, "=")
				s.Environment = append(s.Environment, e)
			}
		case "env_file":
			s.EnvFile = true
		case "command", "entrypoint":
			s.Command = true
		case "extends", "volumes_from", "provider":
			s.Unknown = name
		case "volumes":
			for _, item := range r.list(v) {
				s.Mounts = append(s.Mounts, r.volume(item))
			}
		case "configs":
			for _, item := range r.list(v) {
				s.Mounts = append(s.Mounts, r.config(item))
			}
		case "tmpfs":
			for _, t := range r.texts(v) {
				t, _, _ = strings.Cut(t, ":")
				s.Mounts = append(s.Mounts, Mount{Target: path.Clean(t)})
			}
		}
	})
}

func (r *reader) build(n ast.Node) *Build {
	if t := r.text(n); t != "" {
		return &Build{Context: t}
	}
	b := &Build{Context: "."}
	r.each(n, func(key, v ast.Node) {
		switch r.text(key) {
		case "context":
			b.Context = r.text(v)
		case "dockerfile":
			b.Dockerfile = r.text(v)
		case "dockerfile_inline":
			b.Dockerfile = "$" // not a file
		case "target":
			b.Target = r.text(v)
		}
	})
	return b
}

// volume reads SOURCE:TARGET[:MODE], TARGET, or the long form.
func (r *reader) volume(n ast.Node) Mount {
	if text := r.text(n); text != "" {
		parts := splitVolume(text)
		if len(parts) == 1 {
			return Mount{Target: path.Clean(parts[0])}
		}
		return r.mount(parts[0], parts[1], !strings.ContainsAny(parts[0], "/.~$"))
	}
	var kind, from, to string
	r.each(n, func(key, v ast.Node) {
		switch r.text(key) {
		case "type":
			kind = r.text(v)
		case "source", "src":
			from = r.text(v)
		case "target", "destination", "dst":
			to = r.text(v)
		}
	})
	if kind == "tmpfs" || from == "" {
		return Mount{Target: path.Clean(to)}
	}
	return r.mount(from, to, kind == "volume")
}

func (r *reader) mount(from, to string, named bool) Mount {
	m := Mount{Target: path.Clean(to), Volume: from, Unknown: strings.Contains(from+to, "$")}
	if !named {
		if m.Source = r.project.local(from); m.Source != "" {
			m.Volume = m.Source
		}
	}
	return m
}

// splitVolume cuts at colons, but not at those of ${NAME:-default}.
func splitVolume(text string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range text {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ':' && depth <= 0:
			out = append(out, text[start:i])
			start = i + 1
		}
	}
	return append(out, text[start:])
}

// config reads a service's config, whose file the top level names.
func (r *reader) config(n ast.Node) Mount {
	name, to := r.text(n), ""
	if name == "" {
		r.each(n, func(key, v ast.Node) {
			switch r.text(key) {
			case "source":
				name = r.text(v)
			case "target":
				to = r.text(v)
			}
		})
	}
	if to == "" {
		to = "/" + name
	}
	return Mount{Target: path.Join("/", to), Source: fromConfigs + name}
}

// fromConfigs marks a source that is a name until the top level's configs are known.
const fromConfigs = "config:"
