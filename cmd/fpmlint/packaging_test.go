package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// decode reads a YAML file at the repository's top.
func decode(t *testing.T, name string, v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join("../..", name))), v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// shell runs a script with fpmlint on its path, in a directory with one broken stack, and returns
// what it prints and its exit code.
func shell(t *testing.T, script string, env ...string) (dir, out string, code int) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	dir = t.TempDir()
	program := os.Args[0]
	// The test binary is fpmlint when its name is.
	if err := os.Symlink(program, filepath.Join(dir, "fpmlint")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "repo"), os.DirFS("../../testdata/upgrade")); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bash, "-ec", script)
	c.Dir = filepath.Join(dir, "repo")
	c.Env = append(append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH")), env...)
	text, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return dir, string(text), c.ProcessState.ExitCode()
}

// TestPreCommitHook runs the hook's command, and tries its pattern of files.
func TestPreCommitHook(t *testing.T) {
	var hooks []struct {
		ID, Entry, Language, Files string
		Args                       []string
		PassFilenames              *bool `yaml:"pass_filenames"`
	}
	decode(t, ".pre-commit-hooks.yaml", &hooks)
	h := hooks[0]
	if h.ID != "fpmlint" || h.Language != "golang" || h.PassFilenames == nil || *h.PassFilenames {
		t.Errorf("%+v", h)
	}
	_, out, code := shell(t, h.Entry+" "+strings.Join(h.Args, " "))
	if code != exitFindings || !strings.Contains(out, "error[socket-mismatch]") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	files := regexp.MustCompile(h.Files)
	for name, want := range map[string]bool{
		"docker/nginx/site": true, "php/www.conf": true, "compose.yaml": true, "a/docker-compose.yml": true, ".fpmlint.yaml": true,
		"etc/php/8.3/fpm/pool.d/www": true, "README.md": false, "src/index.php": false, "mycompose.yaml": false,
	} {
		if files.MatchString(name) != want {
			t.Errorf("%s: matches is %v", name, !want)
		}
	}
}

// TestAction runs the action's lint step as the runner does.
func TestAction(t *testing.T) {
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Using string
			Steps []struct {
				Name, Run, Shell, Uses string
				Env, With              map[string]string
			}
		}
	}
	decode(t, "action.yml", &action)
	if action.Runs.Using != "composite" {
		t.Errorf("using %q", action.Runs.Using)
	}
	input := regexp.MustCompile(`inputs\.([a-z-]+)`)
	for _, m := range input.FindAllStringSubmatch(read(t, "../../action.yml"), -1) {
		if _, ok := action.Inputs[m[1]]; !ok {
			t.Errorf("no input %s", m[1])
		}
	}
	i := slices.IndexFunc(action.Runs.Steps, func(s struct {
		Name, Run, Shell, Uses string
		Env, With              map[string]string
	}) bool {
		return s.Name == "Lint"
	})
	step := action.Runs.Steps[i]
	for _, s := range action.Runs.Steps {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("%s: an expression in a script is a way in for commands", s.Name)
		}
	}
	for _, c := range []struct {
		path, args, failOn string
		code               int
		want               string
	}{
		{".", "", "error", exitFindings, "::error "},
		{"./etc\n", "--ignore\nsocket-mismatch,listen-permissions\n", "error", exitClean, ""},
		{"--help", "", "error", exitUsage, "no such file"},
		{"$(touch pwned)", "", "error", exitUsage, "no such file"},
		{".", "", "never", exitClean, "::error "},
		{".", "", "", exitFindings, "::error "},
		{"./etc", "", "error\n--help", exitUsage, "unknown severity"},
	} {
		temp := t.TempDir()
		dir, out, code := shell(t, `ln -s "$(command -v fpmlint)" "$RUNNER_TEMP/fpmlint"`+"\n"+step.Run,
			"RUNNER_TEMP="+temp, "INPUT_PATH="+c.path, "INPUT_ARGS="+c.args, "INPUT_FAIL_ON="+c.failOn)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("path %q, args %q: exit code %d, want %d:\n%s", c.path, c.args, code, c.code, out)
		}
		if _, err := os.Stat(filepath.Join(temp, "fpmlint.sarif")); err != nil && code != exitUsage {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "repo/pwned")); err == nil {
			t.Error("an input was run")
		}
	}
}

// TestDockerfile parses the file as the builder does, and holds it to what a small and harmless
// image needs.
func TestDockerfile(t *testing.T) {
	parsed, err := parser.Parse(strings.NewReader(read(t, "../../Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed.Warnings) > 0 {
		t.Error(parsed.Warnings)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	if goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../../go.mod"))[1]; !strings.HasPrefix(stages[0].BaseName, "golang:"+goVersion) {
		t.Errorf("built with %s, go.mod asks for %s", stages[0].BaseName, goVersion)
	}
	last := stages[len(stages)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is based on %s", last.BaseName)
	}
	var program, user string
	var words []string
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			program = c.DestPath
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			words = append(words, c.CmdLine...)
		case *instructions.CmdCommand:
			words = append(words, c.CmdLine...)
		}
	}
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("user %q is not a number above zero: scratch has no passwd", user)
	}
	if len(words) == 0 || words[0] != program {
		t.Fatalf("the entry point %v is not %s", words, program)
	}
	if _, out, code := shell(t, "fpmlint "+strings.Join(words[1:], " ")); code != exitFindings {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestGoReleaser holds the release's files together: what is packed is made by a hook, or there.
func TestGoReleaser(t *testing.T) {
	var release struct {
		Before struct{ Hooks []string }
		Builds []struct {
			Main    string
			Ldflags []string
		}
		Nfpms []struct {
			Formats  []string
			Contents []struct{ Src, Dst string }
		}
	}
	decode(t, ".goreleaser.yaml", &release)
	if _, err := os.Stat(filepath.Join("../..", release.Builds[0].Main)); err != nil {
		t.Error(err)
	}
	variable := regexp.MustCompile(`-X main\.(\w+)=`).FindStringSubmatch(strings.Join(release.Builds[0].Ldflags, " "))
	if variable == nil || !strings.Contains(read(t, "version.go"), "var "+variable[1]+" string") {
		t.Errorf("the linker sets %v", variable)
	}
	hooks := strings.Join(release.Before.Hooks, "\n")
	for _, m := range regexp.MustCompile(`go run ./cmd/fpmlint (\w+)`).FindAllStringSubmatch(hooks, -1) {
		if !slices.Contains(commandNames(newApp(nil, nil, nil)), m[1]) {
			t.Errorf("no command %s", m[1])
		}
	}
	for _, c := range release.Nfpms[0].Contents {
		made := strings.Contains(hooks, c.Src) || strings.Contains(hooks, "fpmlint.$shell") && strings.Contains(hooks, strings.TrimPrefix(c.Src, ".release/fpmlint."))
		if _, err := os.Stat(filepath.Join("../..", c.Src)); err != nil && !made {
			t.Errorf("nothing makes %s", c.Src)
		}
	}
}

// TestCIPage runs the command lines about CI, of the page and of the README, and parses what they show.
func TestCIPage(t *testing.T) {
	page := read(t, "CI.md") + read(t, "../../README.md")
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1) {
		var v any
		if err := yaml.Unmarshal([]byte(m[1]), &v); err != nil {
			t.Errorf("%v:\n%s", err, m[1])
		}
	}
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^ *(?:- )?(fpmlint lint .*)$`).FindAllStringSubmatch(page, -1) {
		n++
		dir, out, code := shell(t, m[1])
		if code != exitFindings {
			t.Errorf("%s: exit code %d:\n%s", m[1], code, out)
		}
		for _, f := range regexp.MustCompile(`--format \w+=(\S+)`).FindAllStringSubmatch(m[1], -1) {
			if data, err := os.ReadFile(filepath.Join(dir, "repo", f[1])); err != nil || len(bytes.TrimSpace(data)) == 0 {
				t.Errorf("%s: %v", f[1], err)
			}
		}
	}
	if n < 2 {
		t.Errorf("%d command lines", n)
	}
}

// TestCompletion completes in bash what a person begins to type.
func TestCompletion(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"fpmlint expl", "explain"},
		{"fpmlint lint --fail", "--fail-on"},
		{"fpmlint explain socket-mis", "socket-mismatch"},
		{"fpmlint completion po", "powershell"},
	} {
		_, out, code := shell(t, `source <(fpmlint completion bash); COMP_WORDS=(`+c.words+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _fpmlint; echo "${COMPREPLY[*]}"`)
		if strings.TrimSpace(out) != c.want || code != 0 {
			t.Errorf("%s: %q, want %s", c.words, out, c.want)
		}
	}
}
