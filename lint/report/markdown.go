package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	md "github.com/russross/blackfriday/v2"

	"fpmlint/lint/lazy"
)

// maxProse is the widest that Markdown is set, in columns: longer lines are hard to read.
const maxProse = 100

// Markdown renders a page for a terminal. blackfriday reads it, which the command line's library
// brings anyway: another reader would cost each start of the program.
func Markdown(w io.Writer, page string, o Options) error {
	m := &markdown{text: text{w: bufio.NewWriter(w), width: min(o.Width, maxProse)}}
	m.bold, m.dim = m.style(o, color.Bold), m.style(o, color.Faint)
	m.code = m.style(o, color.FgCyan)
	m.title = m.style(o, color.FgYellow, color.Bold)
	m.blocks(md.New(md.WithExtensions(md.CommonExtensions)).Parse([]byte(page)), "", "")
	return m.w.Flush()
}

type markdown struct {
	text
	code, title func(string) string
	begun       bool
}

// blocks prints the blocks below a node: head stands before the first line, indent before the others.
func (m *markdown) blocks(parent *md.Node, head, indent string) {
	for n := parent.FirstChild; n != nil; n = n.Next {
		if m.begun && head == indent && n.Type != md.Item {
			m.line("")
		}
		m.begun = true
		switch n.Type {
		case md.Heading:
			m.lines(m.inline(n), head, indent, m.title)
		case md.Paragraph:
			m.lines(m.inline(n), head, indent, unpainted)
		case md.CodeBlock:
			for l := range strings.Lines(string(n.Literal)) {
				m.line("%s    %s", indent, m.dim(Escape(strings.TrimRight(l, "\r\n"))))
			}
		case md.Item:
			m.blocks(n, indent+"- ", indent+"  ")
		default:
			m.blocks(n, head, indent)
		}
		head = indent
	}
}

func (m *markdown) lines(text, head, indent string, paint func(string) string) {
	for i, l := range wrap(text, m.width, columns(head), columns(indent)) {
		if i > 0 {
			head = indent
		}
		m.line("%s%s", head, paint(l))
	}
}

// inline is the text below a node. Each word is painted by itself, as lines are broken between them.
func (m *markdown) inline(parent *md.Node) string {
	var b strings.Builder
	for n := parent.FirstChild; n != nil; n = n.Next {
		words := Escape(strings.Join(strings.Split(string(n.Literal), "\n"), " "))
		switch n.Type {
		case md.Code:
			b.WriteString(each(words, m.code))
		case md.Emph, md.Strong:
			b.WriteString(each(m.inline(n), m.bold))
		case md.Link:
			words = m.inline(n)
			b.WriteString(words)
			if target := Escape(string(n.Destination)); target != words && !strings.HasSuffix(target, ".md") {
				fmt.Fprintf(&b, " (%s)", target)
			}
		default:
			b.WriteString(words + m.inline(n))
		}
	}
	return b.String()
}

func each(words string, paint func(string) string) string {
	list := strings.Split(words, " ")
	for i, w := range list {
		if w != "" {
			list[i] = paint(w)
		}
	}
	return strings.Join(list, " ")
}

// painted are the sequences by which this package colours text.
var painted = lazy.Regexp("\x1b\\[[0-9;]*m")
