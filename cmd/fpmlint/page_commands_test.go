package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// pages are the repository's pages, by their paths from its top.
func pages(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".md" {
			out = append(out, strings.TrimPrefix(name, "../../"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shown is what a page says of a command: where it is run, or how it ends and what it prints.
type shown struct {
	// elsewhere names the test that runs it, or says why none does.
	elsewhere string
	// dir is where it is run: the repository's top, or a copy of an example stack.
	dir  string
	code int
	says string
}

const (
	atTop      = "the repository's top"
	exampleDir = "testdata/upgrade"
)

// pageCommands are the lines of all sh blocks.
var pageCommands = map[string]map[string]shown{
	"README.md": {
		"go run ./cmd/fpmlint lint testdata/upgrade": {dir: atTop, code: 1, says: "error[socket-mismatch]: no pool listens on unix:/run/php/php8.1-fpm.sock"},
		"go test -race ./...":                        {elsewhere: "these are the tests; .ci/run takes the line from the page"},
	},
	"cmd/fpmlint/CI.md": {
		"docker build -t fpmlint .":                  {elsewhere: "it needs Docker and a registry; TestDockerfile"},
		`docker run --rm -v "$PWD:/work:ro" fpmlint`: {dir: exampleDir, code: 1, says: "error[socket-mismatch]"},
		`docker exec web nginx -T | docker run --rm -i -v "$PWD:/work:ro" fpmlint lint - --fpm-conf docker/php/www.conf`: {dir: exampleDir, code: 1, says: "error[socket-mismatch]"},
		"fpmlint lint --format text --format checkstyle=checkstyle.xml .":                                                {elsewhere: "TestCIPage"},
	},
	"lint/config/README.md": {
		"fpmlint lint --write-baseline fpmlint-baseline.json  # what is found now is known": {dir: exampleDir, says: "baseline: 3 known findings left out"},
		"fpmlint lint --baseline fpmlint-baseline.json        # only what is new counts":    {dir: exampleDir, says: "result: 0 errors, 0 warnings, 0 info"},
	},
	"fix/README.md": {
		"fpmlint fix                    # the diff, for this machine":                        {elsewhere: "TestFixPage"},
		"fpmlint fix --reload           # make the change, reload PHP-FPM and nginx, verify": {elsewhere: "TestFixPage"},
		"fpmlint rollback --reload      # take the last run back":                            {elsewhere: "TestFixPage"},
	},
}

// TestPageCommands types what the pages tell their readers to type. A command that is on no list fails
// the test, so that none is shown that nobody has run.
func TestPageCommands(t *testing.T) {
	byTests := map[string]string{"contrib/ansible/README.md": "TestFleetPage", "lint/audit/README.md": "TestAuditPage", "CONTRIBUTING.md": "TestContributing"}
	// TestReadme runs the sessions, the rules' tests the examples, TestCIPage and the policy's test the rest.
	languages := regexp.MustCompile("(?m)^ *```([a-z]+)$")
	block := regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")
	for _, page := range pages(t) {
		text := read(t, filepath.Join("../..", page))
		for _, m := range languages.FindAllStringSubmatch(text, -1) {
			if !slices.Contains([]string{"sh", "console", "yaml", "nginx", "txtar"}, m[1]) {
				t.Errorf("%s: no test reads blocks of %s", page, m[1])
			}
		}
		if byTests[page] != "" {
			continue
		}
		dirs := map[string]string{}
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			for line := range strings.Lines(m[1]) {
				line = strings.TrimSpace(line)
				want, known := pageCommands[page][line]
				switch {
				case !known:
					t.Errorf("%s: nobody runs %q", page, line)
				case want.elsewhere == "":
					if dirs[want.dir] == "" {
						dirs[want.dir] = pageDir(t, want.dir)
					}
					out, code := typed(t, dirs[want.dir], line)
					if strings.HasPrefix(line, "go run ") && code == 1 && !strings.Contains(out, "exit status 1") {
						t.Errorf("%s: %s", line, out)
					}
					if code != want.code || !strings.Contains(out, want.says) {
						t.Errorf("%s: %s: exit code %d, want %d and %q:\n%s", page, line, code, want.code, want.says, out)
					}
				}
			}
		}
	}
	for page, lines := range pageCommands {
		for line := range lines {
			if !strings.Contains(read(t, filepath.Join("../..", page)), line+"\n") {
				t.Errorf("%s shows %q no more", page, line)
			}
		}
	}
}

// pageDir is the repository's top, or a copy of a stack with fpmlint on the path, and with a docker that
// runs what is in the image, or in the container, right here.
func pageDir(t *testing.T, name string) string {
	t.Helper()
	if name == atTop {
		dir, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := t.TempDir()
	const docker = `#!/bin/sh
case $1 in
exec)
	shift 2
	exec "$@"
	;;
run)
	while [ "$1" != fpmlint ]; do shift; done
	shift
	[ $# -gt 0 ] || set -- lint . # as the Dockerfile says
	exec fpmlint "$@"
	;;
esac
exit 125
`
	const nginx = "#!/bin/sh\necho '# configuration file /etc/nginx/nginx.conf:'\ncat etc/nginx/nginx.conf\nfor f in etc/nginx/sites-available/*; do echo \"# configuration file /$f:\"; cat $f; done | sed s/sites-available/sites-enabled/\n"
	if err := errors.Join(
		os.CopyFS(dir, os.DirFS(filepath.Join("../..", name))),
		os.MkdirAll(filepath.Join(dir, "bin"), 0o755), os.Symlink(os.Args[0], filepath.Join(dir, "bin/fpmlint")),
		os.WriteFile(filepath.Join(dir, "bin/docker"), []byte(docker), 0o755), os.WriteFile(filepath.Join(dir, "bin/nginx"), []byte(nginx), 0o755),
		os.MkdirAll(filepath.Join(dir, "docker/php"), 0o755), os.WriteFile(filepath.Join(dir, "docker/php/www.conf"), []byte("[www]\nuser = www-data\nlisten = /run/php/other.sock\npm = static\npm.max_children = 5\n"), 0o644),
		os.WriteFile(filepath.Join(dir, ".fpmlint.yaml"), []byte("stacks: [{name: server, root: .}]\n"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

// others are flags of other programs that pages mention.
var others = []string{"--become", "--limit", "--allow-to-run-as-root"}

// TestInlineCommands holds the commands that pages mention to the commands, flags, rules and directories
// that there are.
func TestInlineCommands(t *testing.T) {
	app := newApp(nil, nil, nil)
	app.Setup()
	n := 0
	code := regexp.MustCompile("`([^`\n]+)`")
	for _, page := range pages(t) {
		for _, m := range code.FindAllStringSubmatch(read(t, filepath.Join("../..", page)), -1) {
			for _, command := range regexp.MustCompile(`\\\||&&|;`).Split(m[1], -1) {
				words := strings.Fields(command)
				if len(words) == 0 {
					continue
				}
				n++
				var why string
				switch {
				case words[0] == "fpmlint" && len(words) > 1:
					why = unlikeApp(app, words[1:])
				case words[0] == "go" && len(words) > 1:
					why = unlikeModule(words[2:])
				case slices.Contains(others, words[0]):
				case strings.HasPrefix(words[0], "--") && !slices.ContainsFunc(app.Commands, func(c *cli.Command) bool { return hasFlag(c.Flags, words[0]) }):
					why = "no command has such a flag"
				case !strings.HasPrefix(words[0], "--"):
					n--
				}
				if why != "" {
					t.Errorf("%s: %s: %s", page, command, why)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("%d commands", n)
	}
}

// unlikeModule says what of a go command's arguments there is not: a directory, or the test to run in it.
func unlikeModule(words []string) string {
	var dir string
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "./"):
			dir = filepath.Join("../..", strings.TrimSuffix(word, "..."))
			if _, err := os.Stat(dir); err != nil {
				return err.Error()
			}
		case i > 0 && words[i-1] == "-run":
			tests, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
			name := regexp.MustCompile(`(?m)^func Test\w*` + word)
			if err != nil || !slices.ContainsFunc(tests, func(file string) bool {
				text, err := os.ReadFile(file)
				return err == nil && name.Match(text)
			}) {
				return "no test " + word
			}
		}
	}
	return ""
}

// unlikeApp says what of a command line there is not.
func unlikeApp(app *cli.App, words []string) string {
	flags := app.Flags
	if !strings.HasPrefix(words[0], "-") {
		command := app.Command(words[0])
		if command == nil {
			return "no such command"
		}
		flags = slices.Concat(flags, command.Flags, []cli.Flag{cli.HelpFlag})
	}
	for i, word := range words[1:] {
		switch {
		case strings.HasPrefix(word, "-") && len(word) > 1:
			if !hasFlag(flags, word) {
				return "no flag " + word
			}
		case words[0] == "explain" || words[i] == "--select" || words[i] == "--ignore":
			for _, id := range strings.Split(word, ",") {
				if strings.ToUpper(id) != id && !slices.Contains(ruleIDs(), id) {
					return "no rule " + id
				}
			}
		}
	}
	return ""
}

func hasFlag(flags []cli.Flag, word string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	return slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

// TestCommentExample lints the comments that the page about policy shows, whatever the day is: each takes
// away what it names, and without them it is found.
func TestCommentExample(t *testing.T) {
	block := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindAllStringSubmatch(read(t, "../../lint/config/README.md"), -1)
	if len(block) != 1 {
		t.Fatalf("%d examples", len(block))
	}
	example := regexp.MustCompile(`until=\S+`).ReplaceAllString(block[0][1], "until=9999-12-31")
	lintExample := func(lines string) []string {
		dir := t.TempDir()
		place(t, dir, "nginx.conf", "events {}\nhttp {\n    server {\n        location ~ \\.php$ {\n"+lines+"        }\n    }\n}\n")
		place(t, dir, "www.conf", "[www]\nuser = www-data\nlisten = /run/php/php8.3-fpm.sock\npm = static\npm.max_children = 4\n")
		return lintJSON(t, "--select", "low-read-timeout,low-header-buffer,upstream-log,unused-suppression", dir).kinds()
	}
	if found := lintExample(example); len(found) > 0 {
		t.Errorf("with the comments still: %v", found)
	}
	if found := lintExample(regexp.MustCompile(`#.*`).ReplaceAllString(example, "")); len(found) != 3 {
		t.Errorf("without the comments: %v", found)
	}
}
