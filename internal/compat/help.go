package compat

import (
	"strings"
)

const orcDescription = "Runs through all of the phases to ensure configuration is applied and enabled on a machine. " +
	"Will exit with an error if any phase has a problem. Scripts should not depend on eachother having worked properly. " +
	"Set OS_REFRESH_CONFIG_BASE_DIR environment variable to override the default"

// helpText is what --help prints on a terminal of that many columns, laid out
// as Python 3.11 does.
func helpText(columns int) string {
	width := columns - 2
	var b strings.Builder
	b.WriteString(usageText(columns))
	b.WriteString("\n")
	for _, l := range wrap(orcDescription, max(width, 11)) {
		b.WriteString(l + "\n")
	}
	b.WriteString("\noptions:\n")
	opts := orcOptions()
	longest := 0
	for _, o := range opts {
		longest = max(longest, len(invocation(o)))
	}
	column := min(2+longest+2, 24, max(width-20, 4))
	for _, o := range opts {
		writeOption(&b, o, column, max(width-column, 11))
	}
	return b.String()
}

func writeOption(b *strings.Builder, o option, column, width int) {
	head := "  " + invocation(o)
	if o.help == "" {
		b.WriteString(head + "\n")
		return
	}
	if len(head) > column-2 {
		b.WriteString(head + "\n")
		head = ""
	}
	for _, l := range wrap(o.help, width) {
		b.WriteString(head + strings.Repeat(" ", column-len(head)) + l + "\n")
		head = ""
	}
}

// invocation is how the help names an option.
func invocation(o option) string {
	s := strings.Join(o.names, ", ")
	if o.takesValue() {
		s += " " + o.metavar
	}
	return s
}

// usageText is the usage on a terminal of that many columns.
func usageText(columns int) string {
	const prefix, prog = "usage: ", orcName
	var parts []string
	for _, o := range orcOptions() {
		p := o.names[0]
		if o.takesValue() {
			p += " " + o.metavar
		}
		parts = append(parts, "["+p+"]")
	}
	width := columns - 2
	if one := prefix + prog + " " + strings.Join(parts, " "); len(one) <= width {
		return one + "\n"
	}
	if 4*(len(prefix)+len(prog)) <= 3*width {
		indent := strings.Repeat(" ", len(prefix)+len(prog)+1)
		lines := fill(append([]string{prog}, parts...), indent, len(prefix), width)
		lines[0] = prefix + strings.TrimPrefix(lines[0], indent)
		return strings.Join(lines, "\n") + "\n"
	}
	indent := strings.Repeat(" ", len(prefix))
	return strings.Join(append([]string{prefix + prog}, fill(parts, indent, len(indent), width)...), "\n") + "\n"
}

// fill joins parts to indented lines of at most width; the first line already
// has length first.
func fill(parts []string, indent string, first, width int) []string {
	var lines, line []string
	length := first - 1
	for _, p := range parts {
		if length+1+len(p) > width && len(line) > 0 {
			lines = append(lines, indent+strings.Join(line, " "))
			line, length = nil, len(indent)-1
		}
		line = append(line, p)
		length += len(p) + 1
	}
	return append(lines, indent+strings.Join(line, " "))
}

// wrap breaks text into lines of at most width, and words that are longer.
func wrap(text string, width int) []string {
	var chunks []string
	for i, w := range strings.Fields(text) {
		if i > 0 {
			chunks = append(chunks, " ")
		}
		chunks = append(chunks, w)
	}
	var lines []string
	for len(chunks) > 0 {
		if len(lines) > 0 && chunks[0] == " " {
			chunks = chunks[1:]
			continue
		}
		line := ""
		for len(chunks) > 0 && len(line)+len(chunks[0]) <= width {
			line += chunks[0]
			chunks = chunks[1:]
		}
		trim := true
		if len(chunks) > 0 && len(chunks[0]) > width {
			room := width - len(line)
			trim = room > 0 // Python takes the nothing that fits for the last word
			line += chunks[0][:room]
			chunks[0] = chunks[0][room:]
		}
		if trim {
			line = strings.TrimSuffix(line, " ")
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
