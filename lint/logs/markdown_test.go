package logs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite README.md")

// markdown is the documentation of all causes, made of the table that the code uses.
func markdown() string {
	var b strings.Builder
	b.WriteString(`# What logs show

Each cause that ` + "`fpmlint diagnose`" + ` tells, with the messages that prove it. Parts in braces vary.
Several causes look alike in nginx's log: PHP-FPM's log and the kernel's for the same time tell them apart.
This page is made of the table in table.go.

| cause | place | about | in short |
|---|---|---|---|
`)
	for _, c := range causes {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", c.ID, c.ID, c.Place, c.Class, cell(c.sentence()))
	}
	for _, c := range causes {
		b.WriteString("\n" + c.Page())
	}
	b.WriteString("\n## Messages that prove no failure\n\n" + messagesOf(""))
	return b.String()
}

// TestMarkdown holds README.md to the table. With -update it writes it.
func TestMarkdown(t *testing.T) {
	want := markdown()
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("README.md is not what the table says; go test ./lint/logs -run Markdown -update writes it:\n%s", diff)
	}
}

func TestCauses(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Causes() {
		if seen[c.ID] {
			t.Errorf("%s twice", c.ID)
		}
		seen[c.ID] = true
		if c.Request == "" && c.Event == "" || c.Advice == "" || c.Place == "" || c.Class == "" {
			t.Errorf("%s lacks a text", c.ID)
		}
		if c.Tell == "" && messagesOf(c.ID) == "" {
			t.Errorf("nothing tells %s", c.ID)
		}
	}
	// What other programs rely on.
	for _, id := range strings.Fields(`socket-missing socket-refused socket-forbidden backlog-full worker-crash worker-oom
		worker-terminated worker-closed client-disallowed upstream-timeout workers-pinned max-children header-too-big
		no-live-upstream name-unresolved script-unknown fpm-down crash-loop`) {
		if !seen[id] {
			t.Errorf("no cause %s", id)
		}
	}
}

// Every message of the table is found again in a line made of it.
func TestTable(t *testing.T) {
	fill := strings.NewReplacer("{pid}", "17", "{n}", "17", "{signal}", "11", "{code}", "255", "{name}", "x.y", "{file}", "/a", "{value}", "v",
		"{error}", "e", "{detail}", "d", "{address}", "a", "{script}", "/s", "{request}", "r", "{seconds}", "1.5", "{comm}", "php-fpm", "{unit}", "php8.2-fpm.service", "{client}", "10.0.0.1")
	for _, m := range allMessages() {
		if m.Log == SlowLog || m.Text == "" {
			continue
		}
		text := m.Text
		if m.Signal == 9 || m.Signal == 15 || m.Signal == 3 {
			text = strings.Replace(text, "{signal}", map[int]string{3: "3", 9: "9", 15: "15"}[m.Signal], 1)
		}
		got, _ := dictionaries()[m.Log].find([]byte(fill.Replace(text)), m.Errno, []byte(m.While))
		if got == nil || got.Cause != m.Cause {
			t.Errorf("%s %q is found as %+v", m.Log, m.Text, got)
		}
	}
}
