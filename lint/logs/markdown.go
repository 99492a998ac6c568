package logs

import (
	"fmt"
	"strings"
)

// Page is the documentation of one cause.
func (c *Cause) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s.\n", c.ID, upperFirst(c.sentence()))
	if !c.Failed {
		b.WriteString("The hand-off itself works.\n")
	}
	if list := messagesOf(c.ID); list != "" {
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

// messagesOf is a table of the messages that prove a cause; "" is none.
func messagesOf(cause string) string {
	var b strings.Builder
	for _, m := range allMessages() {
		if m.Cause != cause || m.Text == "" {
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
