package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"fpmlint/lint"
	"fpmlint/lint/report"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// evil is what a configuration or a file name may hold to break out of a report.
const evil = "a\nb\r\n::error file=x::y\x1b[31m\u009b1m%0A%25,title=t</failure>]]>&amp;\"'<x>\u202e\u2028[link](http://e)\xff\x00\x7f\ttab"

// hostile is a result whose every text is evil.
func hostile() *lint.Result {
	f := source.NewFile("/"+evil, []byte("line\nü𝄞\xff "+evil+"\n"))
	f.Display = "dir: %41, " + evil
	at := f.Span(bytes.IndexByte(f.Data, 0xff), len(f.Data))
	r := &lint.Result{Stacks: []*stack.Stack{{Name: evil, RootName: evil}}}
	for i, severity := range []lint.Severity{lint.Error, lint.Warning, lint.Info} {
		r.Findings = append(r.Findings, lint.Finding{
			Rule: rules.All()[i].ID, Stack: evil, Severity: severity, Message: evil, Help: evil, Span: at,
			Related:     []source.Related{{Span: at, Message: evil}, {Message: evil}},
			Fix:         &lint.Fix{Safe: true, Description: evil, Edits: []source.Edit{{Span: at, NewText: evil}}},
			Fingerprint: fmt.Sprintf("%032x", i),
		})
	}
	r.Findings = append(r.Findings, lint.Finding{Rule: rules.All()[3].ID, Stack: evil, Severity: lint.Error, Message: "nowhere", Fingerprint: fmt.Sprintf("%032x", 3)})
	r.Skipped = []lint.Skip{{Rule: rules.All()[4].ID, Stack: evil, Reason: evil}}
	return r
}

// example is what the tool finds in the example server.
func example(t *testing.T) *lint.Result {
	t.Helper()
	stacks, err := stack.Load(context.Background(), stack.Options{Root: "../../testdata/upgrade"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := lint.Run(context.Background(), stacks, rules.All())
	if err != nil || len(r.Findings) < 3 {
		t.Fatal(r, err)
	}
	return r
}

func write(t *testing.T, format string, r *lint.Result) []byte {
	t.Helper()
	for _, f := range report.Formats {
		if f.Name == format {
			var b bytes.Buffer
			if err := f.Write(&b, r, report.Options{Tool: report.Tool{Name: "fpmlint", Version: "1.0"}, Rules: rules.All()}); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
	}
	t.Fatalf("no format %s", format)
	return nil
}

// TestHostile holds every format to plain text: whatever stands in a configuration, a report can
// be printed on a terminal, and its own parser reads it.
func TestHostile(t *testing.T) {
	for _, f := range report.Formats {
		t.Run(f.Name, func(t *testing.T) {
			out := write(t, f.Name, hostile())
			if !utf8.Valid(out) {
				t.Error("not UTF-8")
			}
			for _, r := range string(out) {
				if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
					t.Errorf("%U gets through", r)
				}
			}
			if bytes.Count(out, []byte("\n")) == 0 || out[len(out)-1] != '\n' {
				t.Error("the report does not end with a line feed")
			}
		})
	}
}

func TestJSONSchema(t *testing.T) {
	schema := compile(t, report.Schema)
	for name, r := range map[string]*lint.Result{"example": example(t), "hostile": hostile(), "empty": {}} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(write(t, "json", r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wrong any = map[string]any{"version": 2}
	if schema.Validate(wrong) == nil {
		t.Error("the schema accepts anything")
	}
}

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestJSONFix leaves a fix out that JSON cannot hold, rather than have it written wrongly.
func TestJSONFix(t *testing.T) {
	if out := write(t, "json", hostile()); bytes.Contains(out, []byte(`"edits"`)) {
		t.Error("a fix with bytes that are no UTF-8 is in the report")
	}
	if out := write(t, "json", example(t)); !bytes.Contains(out, []byte(`"edits"`)) {
		t.Error("the example has no fix")
	}
}

// TestSARIF validates against the published schema.
func TestSARIF(t *testing.T) {
	schema := compile(t, sarifSchema(t))
	for name, r := range map[string]*lint.Result{"example": example(t), "hostile": hostile(), "empty": {}} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(write(t, "sarif", r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// sarifSchema is OASIS' schema, which go-sarif's version 3 carries in a constant of its own.
func sarifSchema(t *testing.T) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", reflect.TypeFor[sarif.Report]().PkgPath()).Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok {
			text, err = strconv.Unquote(l.Value)
		}
		return true
	})
	if err != nil || !strings.Contains(text, "Static Analysis Results Format (SARIF) Version 2.1.0") {
		t.Fatal("go-sarif has no schema", err)
	}
	return []byte(text)
}

// TestSARIFColumns counts UTF-16 code units: ü is two bytes and one unit, 𝄞 four and two.
func TestSARIFColumns(t *testing.T) {
	f := source.NewFile("etc/nginx/ü %.conf", []byte("first\nü𝄞 x y\n"))
	r := &lint.Result{}
	for _, text := range []string{"y", "x", "ü"} { // backwards on one line too
		at := bytes.Index(f.Data, []byte(text))
		r.Findings = append(r.Findings, lint.Finding{Rule: "nginx-syntax", Severity: lint.Error, Message: text, Span: f.Span(at, at+len(text))})
	}
	doc, err := sarif.FromBytes(write(t, "sarif", r))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{7, 5, 1} {
		at := doc.Runs[0].Results[i].Locations[0].PhysicalLocation
		if *at.Region.StartLine != 2 || *at.Region.StartColumn != want || *at.Region.EndColumn != want+1 {
			t.Errorf("result %d: %d:%d-%d, want 2:%d", i, *at.Region.StartLine, *at.Region.StartColumn, *at.Region.EndColumn, want)
		}
		if uri := *at.ArtifactLocation.URI; uri != "etc/nginx/%C3%BC%20%25.conf" {
			t.Errorf("uri %s", uri)
		}
	}
}

// command is what the runner of GitHub Actions takes for a workflow command.
var command = regexp.MustCompile(`^::(error|warning|notice) ([^:]*)::(.*)$`)

func TestGitHub(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(string(write(t, "github", hostile())), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines for 4 findings:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	unescape := strings.NewReplacer("%25", "%", "%0A", "\n", "%3A", ":", "%2C", ",")
	var kinds []string
	for _, l := range lines {
		m := command.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("no command: %s", l)
		}
		kinds = append(kinds, m[1])
		properties := map[string]string{}
		for p := range strings.SplitSeq(m[2], ",") {
			k, v, _ := strings.Cut(p, "=")
			properties[k] = unescape.Replace(v)
		}
		if m[3] != "nowhere" && !strings.HasPrefix(properties["file"], `dir: %41, a\x0ab\x0d\x0a::error file=x::y\x1b[31m`) {
			t.Errorf("file %q", properties["file"])
		}
		if !strings.HasPrefix(properties["title"], "fpmlint ") {
			t.Errorf("title %q", properties["title"])
		}
	}
	if got := strings.Join(kinds, " "); got != "error error warning notice" {
		t.Errorf("kinds %s: the gravest come first", got)
	}
}

func TestGitHubLimits(t *testing.T) {
	r := &lint.Result{}
	f := source.NewFile("::error::x", []byte("a b"))
	for range 12 {
		r.Findings = append(r.Findings, lint.Finding{Rule: "nginx-syntax", Severity: lint.Warning, Message: strings.Repeat("%", 1<<20), Span: f.Span(0, 1)})
	}
	lines := strings.SplitAfter(string(write(t, "github", r)), "\n")
	commands := 0
	for _, l := range lines {
		if command.MatchString(strings.TrimSpace(l)) {
			commands++
			if len(l) > 64<<10 {
				t.Errorf("an annotation of %d bytes", len(l))
			}
		}
	}
	if commands != 10 || len(lines) != 13 || !strings.HasPrefix(lines[11], "warning[nginx-syntax]: ::error::x:1:1: %") {
		t.Errorf("%d commands in %d lines, the last %.60q", commands, len(lines), lines[11])
	}
}

func TestGitLab(t *testing.T) {
	var issues []struct {
		Description, Fingerprint, Severity string
		CheckName                          string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal(write(t, "gitlab", example(t)), &issues); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, i := range issues {
		if seen[i.Fingerprint] || i.Description == "" || i.CheckName == "" || i.Location.Lines.Begin < 1 || filepath.Base(i.Location.Path) == "." {
			t.Errorf("%+v", i)
		}
		seen[i.Fingerprint] = true
		if i.Severity != "critical" && i.Severity != "major" && i.Severity != "info" {
			t.Errorf("severity %s", i.Severity)
		}
	}
	if len(issues) < 3 || string(write(t, "gitlab", &lint.Result{})) != "[]\n" {
		t.Error("issues are missing, or an empty report is no list")
	}
}

func TestJUnit(t *testing.T) {
	var doc struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
				Skipped *struct{} `xml:"skipped"`
				Output  string    `xml:"system-out"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(write(t, "junit", hostile()), &doc); err != nil {
		t.Fatal(err)
	}
	var failed, skipped, advice int
	for _, c := range doc.Suites[0].Cases {
		switch {
		case c.Failure != nil:
			failed++
		case c.Skipped != nil:
			skipped++
		case c.Output != "":
			advice++
		}
	}
	if failed != 3 || doc.Failures != 3 || skipped != 1 || advice != 1 || doc.Tests != len(rules.All()) {
		t.Errorf("%d of %d failed, %d skipped, %d advice", doc.Failures, doc.Tests, skipped, advice)
	}
}

func TestCheckstyle(t *testing.T) {
	var doc struct {
		Files []struct {
			Name   string `xml:"name,attr"`
			Errors []struct {
				Line     int    `xml:"line,attr"`
				Severity string `xml:"severity,attr"`
				Message  string `xml:"message,attr"`
				Source   string `xml:"source,attr"`
			} `xml:"error"`
		} `xml:"file"`
	}
	out := write(t, "checkstyle", hostile())
	if err := xml.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Files) != 2 || len(doc.Files[0].Errors) != 3 {
		t.Fatalf("%+v", doc)
	}
	e := doc.Files[0].Errors[2]
	if e.Line != 2 || e.Severity != "info" || !strings.HasPrefix(e.Source, "fpmlint.") || !strings.Contains(e.Message, `</failure>]]>&amp;"'<x>\u202e`) {
		t.Errorf("%+v", e)
	}
}

// TestText paints nothing of its own where colour is off, and says what stands nowhere.
func TestText(t *testing.T) {
	out := string(write(t, "text", hostile()))
	for _, want := range []string{"error[" + rules.All()[3].ID + "]: nowhere", `\x1b[31m`, "result: 2 errors, 1 warning, 1 info"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// failing is a full disk.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteErrors(t *testing.T) {
	for _, f := range report.Formats {
		if f.Write(failing{}, hostile(), report.Options{Tool: report.Tool{Name: "fpmlint", Version: "1"}}) == nil {
			t.Errorf("%s swallows a write error", f.Name)
		}
	}
}

// TestWidth breaks text to the terminal's width; words that are longer stay whole.
func TestWidth(t *testing.T) {
	r := example(t)
	for _, width := range []int{40, 60, 100} {
		var b bytes.Buffer
		if err := report.Formats[0].Write(&b, r, report.Options{Width: width, Fix: "fpmlint fix x"}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimRight(line, "\n")
			longest := 0
			for _, w := range strings.Fields(line) {
				longest = max(longest, utf8.RuneCountInString(w))
			}
			code := strings.Contains(line, "|") || strings.Contains(line, ": ..") || strings.Contains(line, "-->") || strings.Contains(line, ":::")
			if n := utf8.RuneCountInString(line); n > width && longest < width/2 && !code && !strings.HasPrefix(line, "checked") && !strings.HasPrefix(line, "next") {
				t.Errorf("width %d: %d columns: %s", width, n, line)
			}
		}
	}
}

// TestNext counts what fix can mend: files on disk, by level and safety.
func TestNext(t *testing.T) {
	disk := source.NewFile("a", []byte("a b"))
	disk.Disk = "/a"
	memory := source.NewFile("b", []byte("a b"))
	finding := func(f *source.File, s lint.Severity, safe bool) lint.Finding {
		return lint.Finding{Rule: "r", Severity: s, Message: "m", Span: f.Span(0, 1), Fix: &lint.Fix{Safe: safe, Edits: []source.Edit{{Span: f.Span(0, 1)}}}}
	}
	for want, list := range map[string][]lint.Finding{
		"next: fpmlint fix x would mend 1 of 3; with --level info 1 more; with --unsafe 1 more\n": {
			finding(disk, lint.Error, true), finding(disk, lint.Info, true), finding(disk, lint.Error, false),
		},
		"next: fpmlint explain r says what to do\n": {finding(memory, lint.Error, true)},
		"PHP-FPM\n": {},
	} {
		var b bytes.Buffer
		if err := report.Formats[0].Write(&b, &lint.Result{Findings: list}, report.Options{Fix: "fpmlint fix x"}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(b.String(), want) {
			t.Errorf("no %q at the end of\n%s", want, b.String())
		}
	}
}
