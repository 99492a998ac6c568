package rules_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"fpmlint/fix"
	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/testdata/live"
)

// proof is a fault that a rule speaks of, as a stack that a real nginx and PHP-FPM run.
type proof struct {
	rule string
	// archive is the faulty stack. Its comments "want" say which lines the rule flags, and how.
	archive string
	// option is one of the rule's and its value, for a shorter wait.
	option [2]string
	// severity is the finding's, an error where it is not given.
	severity lint.Severity
	// before prepares the machine, on a thread of the test's own.
	before func(*testing.T, *live.Server)
	// refused says that a daemon does not start with it.
	refused bool
	// ask is the request that the fault concerns, index.php where it is not given.
	ask func(*testing.T, *live.Server) (status int, body string)
	// broken and cured are its answers with the fault and without.
	broken, cured answer
	// or is a text that may be logged in place of the page's line.
	or string
	// late says that the page's lines are logged once the fault is cured.
	late bool
	// silent says that nothing is logged, or that the page's lines are another test's.
	silent bool
	// hand cures a fault for which there is no fix: one or several files, and what replaces what in them.
	hand [3]string
}

type answer struct {
	status int
	body   string
}

var ok = answer{200, "ok"}

// prove runs faulty stacks: each fails as its rule's page says, with its lines in the real logs, the
// rule finds it where the comments want it, and with its fix the request succeeds.
func prove(t *testing.T, proofs map[string]proof) {
	t.Helper()
	// They mostly wait: more at a time than there are processors, where t.Parallel is bound to these.
	var group errgroup.Group
	group.SetLimit(6)
	defer group.Wait() //nolint:errcheck // each test reports for itself
	for name, p := range proofs {
		group.Go(func() error {
			t.Run(name, p.run)
			return nil
		})
	}
}

func (p *proof) run(t *testing.T) {
	if p.severity == 0 {
		p.severity = lint.Error
	}
	if p.ask == nil {
		p.ask = get("/index.php")
	}
	r := rule(t, p.rule)
	if p.option[0] != "" {
		var err error
		if r, err = r.Set(p.option[0], p.option[1]); err != nil {
			t.Fatal(err)
		}
	}
	s := live.Prepare(t, p.archive+live.Scripts)
	if p.before != nil {
		p.before(t, s)
	}
	out, err := s.TryAll()
	if p.refused != (err != nil) {
		t.Fatalf("the start ends with %v: %s", err, out)
	}
	if !p.refused {
		p.answers(t, s, p.broken)
	}
	if !p.silent && !p.late {
		wantPageLines(t, s, r, out, p.or)
	}
	result := lintLive(t, s, r)
	compareFindings(t, s.Dir, result)
	for _, f := range result.Findings {
		if f.Severity != p.severity {
			t.Errorf("%s is of severity %v, want %v", f.Rule, f.Severity, p.severity)
		}
	}
	p.cure(t, s, r)
	for _, f := range lintLive(t, s, r).Findings {
		t.Errorf("still found: %s", f.Message)
	}
	s.Stop()
	if out, err := s.TryAll(); err != nil {
		t.Fatalf("the cured stack: %v: %s", err, out)
	}
	p.answers(t, s, p.cured)
	if p.late {
		wantPageLines(t, s, r, "", "")
	}
}

func (p *proof) answers(t *testing.T, s *live.Server, want answer) {
	t.Helper()
	status, body := p.ask(t, s)
	if status != want.status || (want.body != "" || status == 200) && body != want.body {
		t.Errorf("the answer is %d %q, want %d %q", status, body, want.status, want.body)
	}
}

// cure makes the rule's fix, or the change by hand.
func (p *proof) cure(t *testing.T, s *live.Server, r lint.Rule) {
	t.Helper()
	list := []lint.Rule{r}
	plan, err := fix.Make(context.Background(), fix.Options{Lint: fix.Linting(loadLive(s), list), Rules: list, Level: lint.Info, Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	if (p.hand[0] != "") == (len(plan.Applied) > 0) {
		t.Fatalf("%d fixes", len(plan.Applied))
	}
	for _, c := range plan.Changes {
		write(t, c.Path, c.New)
	}
	if p.hand[0] != "" {
		byHand(t, s, strings.Fields(p.hand[0]), s.Expand(p.hand[1]), s.Expand(p.hand[2]))
	}
}

// byHand replaces a text in files, once in each.
func byHand(t *testing.T, s *live.Server, files []string, from, to string) {
	t.Helper()
	for _, file := range files {
		old := s.Read(file)
		if !strings.Contains(old, from) {
			t.Fatalf("%s has no %q", file, from)
		}
		s.Write(file, strings.Replace(old, from, to, 1))
	}
}

func loadLive(s *live.Server) stack.Options {
	return stack.Options{NginxConf: []string{s.Path("nginx.conf")}, FPMConf: s.FPMConfs()}
}

func lintLive(t *testing.T, s *live.Server, r lint.Rule) *lint.Result {
	t.Helper()
	stacks, err := stack.Load(context.Background(), loadLive(s))
	if err != nil {
		t.Fatal(err)
	}
	result, err := lint.Run(context.Background(), stacks, []lint.Rule{r})
	if err != nil {
		t.Fatal(err)
	}
	for _, skip := range result.Skipped {
		t.Errorf("skipped: %s", skip.Reason)
	}
	return result
}

// get asks for a page.
func get(path string) func(*testing.T, *live.Server) (int, string) {
	return func(t *testing.T, s *live.Server) (int, string) {
		t.Helper()
		return s.Get("bad.test", path)
	}
}

// variable are the parts of a log line that another run has others of, in order.
var variable = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|^\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\]`), "TIME"},
	{regexp.MustCompile(`\d+#\d+: \*\d+`), "ID"},
	{regexp.MustCompile(`^TIME (\[(?:emerg|warn)\]) \d+#\d+:`), "nginx: $1"}, // where nginx was built to log to stderr
	{regexp.MustCompile(`client: [^,]*, server: [^,]*, request: "(GET|POST) [^"]*"`), "REQUEST"},
	{regexp.MustCompile(`host: "[^"]*"`), "HOST"},
	{regexp.MustCompile(`\(request: "[^"]*"\)`), "(REQUEST)"},
	{regexp.MustCompile(`((?://127\.0\.0\.1:)|address ')\d{4,5}`), "${1}PORT"},
	{regexp.MustCompile(`(:PORT)/\w+[\w./]*`), "${1}/URI"},
	{regexp.MustCompile(`(^|[ "'\[(:])/[\w.-][\w./-]*`), "${1}PATH"},
	{regexp.MustCompile(`PATH:\d+`), "PATH:LINE"},
	{regexp.MustCompile(`at line \d+`), "at LINE"},
	{regexp.MustCompile(`server name "[^"]*" on [^,]*,`), "SERVER NAME,"},
	{regexp.MustCompile(`child \d+`), "child PID"},
	{regexp.MustCompile(`\d+( children| idle| total)`), "N$1"},
	{regexp.MustCompile(`- core dumped`), ""},
	{regexp.MustCompile(`\d+\.\d+ sec`), "N sec"},
}

func fixed(line string) string {
	line = strings.TrimSpace(line)
	for _, v := range variable {
		line = v.re.ReplaceAllString(line, v.with)
	}
	return line
}

// wantPageLines holds the log lines of a rule's page to what the daemons wrote, to their logs or, out,
// when they were started.
func wantPageLines(t *testing.T, s *live.Server, r lint.Rule, out, or string) {
	t.Helper()
	block := regexp.MustCompile("(?s)```\n(.*?)```").FindStringSubmatch(r.Doc)
	if block == nil {
		t.Fatalf("%s has no log line", r.ID)
	}
	need := map[string]int{}
	for line := range strings.Lines(block[1]) {
		need[fixed(line)]++
	}
	var logged []string
	for range 400 {
		text := out
		for _, name := range []string{"error.log", "fpm.log"} {
			data, _ := os.ReadFile(s.Path(name)) //nolint:errcheck // it may not be there
			text += string(data)
		}
		logged = logged[:0]
		for line := range strings.Lines(text) {
			logged = append(logged, fixed(line))
		}
		missing := false
		for want, n := range need {
			missing = missing || count(logged, want) < n
		}
		if !missing || or != "" && count(logged, or) > 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	for want, n := range need {
		if got := count(logged, want); got < n {
			t.Errorf("the page's line is logged %d times, want %d:\n%s\namong\n%s", got, n, want, strings.Join(logged, "\n"))
		}
	}
}

// count says how many lines have a text in them.
func count(lines []string, text string) (n int) {
	for _, line := range lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
