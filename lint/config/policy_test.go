package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"fpmlint/lint"
	"fpmlint/lint/config"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

func read(t *testing.T, text string) (*config.Policy, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile(config.Name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return config.Read(config.Name, rules.All())
}

const full = `fail-on: never
baseline: known.json
ram: 2G
ignore: [tests/, "*.bak"]
rules:
  emergency-restart: off
  timeout-order: info
  low-read-timeout:
    severity: error
    options: {min: 10s}
stacks:
  - name: shop
    paths: [a.conf, /b.conf]
    nginx-conf: n.conf
    hosts: {PHP: docker/php}
    reserve: 512M
    ram: 1G
  - name: images
    nginx-root: n
    fpm-root: p
`

func TestPolicy(t *testing.T) {
	p, err := read(t, full)
	if err != nil {
		t.Fatal(err)
	}
	if p.FailOn != "never" || p.Baseline != "known.json" || len(p.Stacks) != 2 {
		t.Errorf("%+v", p)
	}
	want := []stack.Options{{
		Name: "shop", Paths: []string{"a.conf", "/b.conf"}, NginxConf: []string{"n.conf"},
		Hosts: map[string]string{"php": "docker/php"}, RAM: 1 << 30, Reserve: 512 << 20,
	}, {Name: "images", NginxRoot: "n", FPMRoot: "p", RAM: 2 << 30}}
	for i, s := range p.Stacks {
		if diff := cmp.Diff(want[i], p.Options(s)); diff != "" {
			t.Errorf("stack %d (-want +got):\n%s", i, diff)
		}
	}
	byID := func(selected ...string) map[string]lint.Rule {
		out := map[string]lint.Rule{}
		for _, r := range p.Rules(rules.All(), selected) {
			out[r.ID] = r
		}
		return out
	}
	set := byID()
	if _, on := set["emergency-restart"]; on || set["timeout-order"].Forced != lint.Info || set["low-read-timeout"].Forced != lint.Error {
		t.Error("the policy's severities are not in effect")
	}
	if _, on := byID("emergency-restart")["emergency-restart"]; !on {
		t.Error("a rule that was selected by name does not run")
	}
	for name, want := range map[string]bool{"tests/a/nginx.conf": true, "tests": true, "x.bak": true, "a/x.bak": false, "../tests/a": false, "nginx.conf": false} {
		if p.Ignored(&source.File{Disk: filepath.Join(p.Dir, name)}) != want {
			t.Errorf("%s: ignored is not %v", name, want)
		}
	}
}

func TestPathsFromBelow(t *testing.T) {
	p, err := read(t, full)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("below", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir("below")
	if got, want := p.Options(p.Stacks[1]).NginxRoot, filepath.Join(p.Dir, "n"); got != want {
		t.Errorf("from below the root is %s, want %s", got, want)
	}
	if name, err := config.Find("."); name != filepath.Join("..", config.Name) || err != nil {
		t.Errorf("found %q, %v", name, err)
	}
}

func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"fail-on: warnin":                `1:10: "warnin" is none of error, warning, info, never; did you mean "warning"?`,
		"\nruls: {}":                     `2:1: unknown key "ruls"; did you mean "rules"?`,
		"zzzzzz: 1":                      `1:1: unknown key "zzzzzz"; known here: baseline, fail-on, ignore, ram, reserve, rules, stacks, worker-rss`,
		"rules:\n  timeout-ordre: off":   `2:3: unknown rule "timeout-ordre"; did you mean "timeout-order"?`,
		"rules:\n  timeout-order: of":    `2:18: "of" is none of off, error, warning, info; did you mean "off"?`,
		"rules:\n  timeout-order: [off]": `2:18: want keys with values, have a list`,
		"rules:\n  low-read-timeout:\n    options: {mn: 1s}":      `3:15: rule low-read-timeout has no option "mn"; did you mean "min"?`,
		"rules:\n  low-read-timeout:\n    options:\n      min: x": `4:12: option min of low-read-timeout: "x" is no duration such as 30s`,
		"rules: off":                             `1:8: want keys with values, have a value`,
		"- a":                                    `1:1: want keys with values, have a list`,
		"ram: many":                              `1:6: "many" is not a size`,
		"ram: [1]":                               `1:6: want a value, have a list`,
		"ram:":                                   `want a value, have nothing`,
		"ram: &a 1G\nreserve: *a":                `1:6: want a value, have an anchor or alias`,
		"ram: !!str 1G":                          `1:6: want a value, have a tag`,
		"ram: |\n  1G":                           `1:6: want a value, have a text of several lines`,
		"ram: 1G\nram: 2G":                       `2:1: mapping key "ram" already defined at [1:1]`,
		"ignore: [/etc]":                         `1:10: "/etc" is no pattern of paths relative to this file`,
		"ignore: ['[']":                          `1:10: "[" is no pattern`,
		"ignore: x":                              `1:9: want a list, have a value`,
		"stacks: [{paths: a}]":                   `a stack has no name`,
		"stacks:\n  - name: a":                   `2:5: stack "a" says where it lies in 0 ways`,
		"stacks: [{name: a, paths: b, root: c}]": `stack "a" says where it lies in 2 ways`,
		"stacks: [{name: a, nginx-root: b, fpm-root: c, hosts: {d: e}}]": `stack "a" has both hosts and fpm-root`,
		"stacks: [{name: a, paths: b}, {name: a, paths: c}]":             `two stacks are called "a"`,
		"a: [1\nb: 2":                 `2:1: ',' or ']' must be specified`,
		"ram: 1G\n---\nram: 2G":       `3:1: a second document`,
		strings.Repeat("[", 60_000):   `1:1: nested too deep`,
		strings.Repeat("- ", 30_000):  `1:1: nested too deep`,
		strings.Repeat("[\n", 30_000): `33:1: nested too deep`,
		strings.Repeat("#\n", 40_000): `larger than 64 KiB`,
	} {
		_, err := read(t, text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), config.Name+":") {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
}

// TestAllFaults are told at once.
func TestAllFaults(t *testing.T) {
	_, err := read(t, "ram: x\nreserve: y\nruls:\n")
	if n := strings.Count(err.Error(), "\n"); n != 2 {
		t.Errorf("%d lines: %v", n+1, err)
	}
}

// TestManyAlternatives holds patterns to a number that can be tried: each pair of braces doubles it.
func TestManyAlternatives(t *testing.T) {
	if _, err := read(t, `ignore: ["`+strings.Repeat("{a,b}", 9)+`"]`); err != nil {
		t.Error(err)
	}
	for _, patterns := range []string{
		strings.Repeat("{a,a}", 30),
		"{" + strings.Repeat("a,", 400) + "a}{b,c,d}",
		"{{a,b},{a,b},{a,b},{a,b},{a,b},{a,b},{a,b},{a,b},{a,b},{a,b}}{c,d}",
		strings.Repeat("{a,b,c}\"\n- \"", 400) + "d",
	} {
		if _, err := read(t, "ignore:\n- \""+patterns+"\"\n"); err == nil || !strings.Contains(err.Error(), "more than 1000 alternatives") {
			t.Errorf("%.40s: %v", patterns, err)
		}
	}
}

func TestNoFile(t *testing.T) {
	if _, err := config.Read(t.TempDir(), nil); !errors.Is(err, source.ErrNotRegular) {
		t.Error(err)
	}
	if p, err := read(t, "# nothing yet\n"); err != nil || len(p.Rules(rules.All(), nil)) != len(rules.All()) {
		t.Error("an empty policy is none", err)
	}
}

// TestSchema holds the schema to what is read: both take, and both refuse, the same.
func TestSchema(t *testing.T) {
	text, err := config.Schema(rules.All())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		full: true, config.Template("/srv/\"x\n", nil): true, "": true, "rules:\n": true, "ram: 1073741824": true,
		"ruls: {}": false, "fail-on: bad": false, "rules: {x: off}": false, "rules: {timeout-order: {severity: of}}": false,
		"rules: {low-read-timeout: {options: {mn: 1s}}}": false, "ignore: x": false, "stacks: [{paths: a}]": false, "ram: [1]": false,
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); (err == nil) != want {
			t.Errorf("schema on %q: %v", text, err)
		}
		if _, err := read(t, text); (err == nil) != want {
			t.Errorf("reader on %q: %v", text, err)
		}
	}
}

// FuzzPolicy looks for panics and for text that is read too slowly.
func FuzzPolicy(f *testing.F) {
	f.Add(full)
	f.Add("? a\n: *b\n<<: &c !d [e, {f: }]\n--- |\n x\n")
	all := rules.All()
	name := filepath.Join(f.TempDir(), config.Name)
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := config.Read(name, all)
		if err == nil && len(p.Rules(all, nil)) > len(all) {
			t.Error("more rules than there are")
		}
	})
}

// TestReadme reads the example of the documentation.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("README.md has no example")
	}
	p, err := read(t, example)
	if err != nil || len(p.Stacks) != 3 || len(p.Stacks[2].Hosts) != 2 {
		t.Error(p, err)
	}
}
