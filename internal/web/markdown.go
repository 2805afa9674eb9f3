package web

import (
	"html/template"
	"strings"

	"phased/internal/report"
)

// summaryHTML shows Markdown that nobody has checked: headings, lists, quotes,
// blocks of code, tables as they are typed, and in a line code, bold and italic
// text. Everything else is text, links and HTML too: what a hook says of itself can
// lead nobody anywhere.
func summaryHTML(text string) template.HTML {
	var d document
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		d.line(report.Safe(strings.TrimRight(line, "\r"), false))
	}
	d.end()
	return d.html()
}

// document is a text in Markdown on its way to HTML, line by line.
type document struct {
	markup
	block string // the element that is open: p, ul, ol, pre, blockquote; "": none
	fence string // what ends the block of code
}

// begin opens a block, if it is not that one which is open, and ends the one before.
func (d *document) begin(block string) {
	if d.block == block {
		if block != "ul" && block != "ol" {
			d.b.WriteByte('\n')
		}
		return
	}
	d.end()
	d.block = block
	d.open(block)
}

func (d *document) end() {
	if d.block != "" {
		d.close(d.block)
	}
	d.block = ""
}

// line takes the next line.
func (d *document) line(line string) {
	text := strings.TrimSpace(line)
	if d.fence != "" {
		if text == d.fence {
			d.fence = ""
			d.end()
			return
		}
		d.begin("pre")
		d.text(line)
		return
	}
	switch mark, rest := listItem(text); {
	case text == "":
		d.end()
	case strings.HasPrefix(text, "```") || strings.HasPrefix(text, "~~~"):
		d.end()
		d.fence = text[:3]
	case heading(text) > 0:
		d.end()
		d.open("p", "class", "heading")
		d.inline(strings.TrimSpace(strings.TrimLeft(text, "#")))
		d.close("p")
	case strings.HasPrefix(text, "|") || strings.HasPrefix(line, "    ") && d.block != "ul" && d.block != "ol" && d.block != "p":
		d.begin("pre")
		d.text(line)
	case strings.HasPrefix(text, ">"):
		d.begin("blockquote")
		d.inline(strings.TrimSpace(text[1:]))
	case mark != "":
		d.begin(mark)
		d.open("li")
		d.inline(rest)
		d.close("li")
	default:
		d.begin("p")
		d.inline(text)
	}
}

// heading returns the level of a heading, 0 of other lines.
func heading(text string) int {
	n := len(text) - len(strings.TrimLeft(text, "#"))
	if n == 0 || n > 6 || n < len(text) && text[n] != ' ' {
		return 0
	}
	return n
}

// listItem returns the element of the list that a line is in, and its text.
func listItem(text string) (element, rest string) {
	for _, mark := range []string{"- ", "* ", "+ "} {
		if strings.HasPrefix(text, mark) {
			return "ul", strings.TrimSpace(text[2:])
		}
	}
	n := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if n > 0 && n < 10 && (strings.HasPrefix(text[n:], ". ") || strings.HasPrefix(text[n:], ") ")) {
		return "ol", strings.TrimSpace(text[n+2:])
	}
	return "", ""
}

// inline writes a line with code, bold and italic text in it.
func (d *document) inline(text string) {
	from := 0
	for i := 0; i < len(text); {
		mark, element := inlineMark(text[i:])
		inner, ok := "", false
		if mark != "" {
			inner, ok = enclosed(text, i, mark)
		}
		if !ok {
			i += max(1, len(mark))
			continue
		}
		d.text(text[from:i])
		d.element(element, inner)
		i += 2*len(mark) + len(inner)
		from = i
	}
	d.text(text[from:])
}

func inlineMark(text string) (mark, element string) {
	switch {
	case strings.HasPrefix(text, "`"):
		return "`", "code"
	case strings.HasPrefix(text, "**"):
		return "**", "strong"
	case strings.HasPrefix(text, "__"):
		return "__", "strong"
	case strings.HasPrefix(text, "*"):
		return "*", "em"
	case strings.HasPrefix(text, "_"):
		return "_", "em"
	}
	return "", ""
}

// enclosed returns what stands between a mark and the next one like it. Names such
// as a_b_c have no italic letter in them.
func enclosed(text string, at int, mark string) (string, bool) {
	after := text[at+len(mark):]
	n := strings.Index(after, mark)
	if n <= 0 || mark[0] != '`' && (after[0] == ' ' || after[n-1] == ' ') {
		return "", false
	}
	if mark[0] == '_' && (at > 0 && letter(text[at-1]) || len(after) > n+len(mark) && letter(after[n+len(mark)])) {
		return "", false
	}
	return after[:n], true
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
