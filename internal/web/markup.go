package web

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"

	"phased/internal/phased"
	"phased/internal/report"
)

// markup puts HTML together that is too much, or too fine, for a template: bars,
// rows and lines by the thousand. Names of elements and attributes are constants
// of this package; every text and value is escaped here and nowhere else.
type markup struct{ b strings.Builder }

// open begins an element; attributes are names and values in turn. A value "" of
// an attribute leaves that out.
func (m *markup) open(element string, attributes ...string) {
	m.b.WriteByte('<')
	m.b.WriteString(element)
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] == "" {
			continue
		}
		m.b.WriteByte(' ')
		m.b.WriteString(attributes[i])
		m.b.WriteString(`="`)
		m.text(attributes[i+1])
		m.b.WriteByte('"')
	}
	m.b.WriteByte('>')
}

// close ends elements, the innermost first.
func (m *markup) close(elements ...string) {
	for _, e := range elements {
		m.b.WriteString("</")
		m.b.WriteString(e)
		m.b.WriteByte('>')
	}
}

// text writes a text, whatever it is made of.
func (m *markup) text(text string) {
	from := 0
	for i := range len(text) {
		var entity string
		switch text[i] {
		case '<':
			entity = "&lt;"
		case '>':
			entity = "&gt;"
		case '&':
			entity = "&amp;"
		case '"':
			entity = "&#34;"
		case '\'':
			entity = "&#39;"
		case 0:
			entity = "\ufffd"
		default:
			continue
		}
		m.b.WriteString(text[from:i])
		m.b.WriteString(entity)
		from = i + 1
	}
	m.b.WriteString(text[from:])
}

// element writes an element with a text in it.
func (m *markup) element(element, text string, attributes ...string) {
	m.open(element, attributes...)
	m.text(text)
	m.close(element)
}

// html is what was written, for a template.
func (m *markup) html() template.HTML {
	return template.HTML(m.b.String()) //nolint:gosec // every text in it was escaped as it was written
}

// number is a figure of a drawing, with no more digits than can be seen.
func number(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 3, 64), "0"), ".")
}

// percent is a place in a drawing as a share of its width.
func percent(v float64) string { return number(v) + "%" }

// runAddress is where the page of a run is.
func runAddress(id string) string { return "/runs/" + url.PathEscape(id) }

// hookAddress is where the page of a hook is. Names are bytes of any kind.
func hookAddress(id, phase string, hook phased.Text) string {
	return runAddress(id) + "/phases/" + segment(phase) + "/hooks/" + segment(string(hook))
}

// segment is one part of an address. What is a dot or two would be taken for a
// directory.
func segment(name string) string {
	switch name {
	case ".", "..":
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// shorten returns a text in at most n characters.
func shorten(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:max(1, n-1)]) + "…"
	}
	return text
}

// hookText is how a hook is called: PHASE/HOOK.
func hookText(phase string, hook phased.Text) string { return report.Page{}.HookName(phase, hook) }

// hookName is how a hook is called where its phase is known.
func hookName(name phased.Text) string { return report.Name(name) }
