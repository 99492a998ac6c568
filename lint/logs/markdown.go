package logs

import (
	"fmt"
	"strings"
)

// Markdown is the documentation of all causes, made of the table that the code uses.
func Markdown() string {
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
	b.WriteString("\n## Messages that prove no failure\n\n" + messagesOf(nil))
	return b.String()
}

// Page is the documentation of one cause.
func (c *Cause) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s.\n", c.ID, upperFirst(c.sentence()))
	if !c.Failed {
		b.WriteString("The hand-off itself works.\n")
	}
	if list := messagesOf(c); list != "" {
		b.WriteString("\n" + list)
	}
	if c.Tell != "" {
		fmt.Fprintf(&b, "\nHow it is told: %s.\n", c.Tell)
	}
	fmt.Fprintf(&b, "\nWhat to do: %s.\n", c.Advice)
	if len(c.Rules) > 0 {
		fmt.Fprintf(&b, "\nRules that may explain it: `%s`.\n", strings.Join(c.Rules, "`, `"))
	}
	return b.String()
}

// sentence says what happened, for no place in particular.
func (c *Cause) sentence() string {
	if c.Request == "" {
		return fill(c.Event, "a pool")
	}
	return fill(c.Request, "the upstream")
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// messagesOf is a table of the messages that prove a cause; nil is none.
func messagesOf(c *Cause) string {
	var b strings.Builder
	for _, m := range allMessages() {
		if m.cause != c || m.Text == "" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("| log | message | status |\n|---|---|---|\n")
		}
		text := m.Text
		if m.Signal != 0 {
			text = strings.Replace(text, "{signal}", fmt.Sprint(m.Signal), 1)
		}
		if m.Errno != 0 {
			text += fmt.Sprintf(" (%s)", m.Errno)
		}
		if m.While != "" {
			text += " while " + m.While
		}
		status := "-"
		switch m.Status {
		case 0:
		case 200:
			status = "200, cut short"
		default:
			status = fmt.Sprint(m.Status)
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", m.Log, cell(text), status)
	}
	return b.String()
}
