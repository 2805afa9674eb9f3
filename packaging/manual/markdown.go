package main

import (
	"fmt"
	"strings"
)

// reference is docs/commands.md.
func reference() []byte {
	var b strings.Builder
	all := verbs()
	b.WriteString("# Commands\n\nEvery command, its flags and its exit codes. Made from the programs by `make docs`; the manual pages are made from the same. [cli.md](cli.md) says what is common to them\n" +
		"and what they print, [exit-codes.md](exit-codes.md) what the exit codes mean.\n\n| command | |\n|---|---|\n")
	for _, v := range all {
		fmt.Fprintf(&b, "| [%s](#phased-%s) | %s |\n", v.name, v.name, v.cmd.Short)
	}
	for _, v := range all {
		writeReference(&b, v, all)
	}
	return []byte(b.String())
}

// writeReference writes what is said of one command.
func writeReference(b *strings.Builder, v verb, all []verb) {
	fmt.Fprintf(b, "\n## phased %s\n\n", v.name)
	for _, u := range v.usages() {
		b.WriteString("    " + u + "\n")
	}
	lex := lexiconOf(all)
	for _, k := range prose(v.long()) {
		b.WriteString("\n")
		if !k.literal {
			b.WriteString(marked(lex, k.text) + "\n")
			continue
		}
		for line := range strings.SplitSeq(k.text, "\n") {
			b.WriteString("    " + line + "\n")
		}
	}
	if v.fleet {
		b.WriteString("\n`phased-fleet` does it, which `phased` starts.\n")
	}
	if options := v.options(); len(options) > 0 {
		b.WriteString("\n| flag | |\n|---|---|\n")
		for _, o := range options {
			fmt.Fprintf(b, "| `%s` | %s |\n", cell(o.tag), cell(marked(lex, o.usage)))
		}
	}
	if lines := v.examples(); len(lines) > 0 {
		b.WriteString("\nExamples:\n\n    " + strings.Join(lines, "\n    ") + "\n")
	}
	b.WriteString("\n" + exitLine(v) + "\n")
}

// exitLine lists the exit codes of a command.
func exitLine(v verb) string {
	var words []string
	for _, c := range v.exits() {
		words = append(words, fmt.Sprintf("%s (%s)", c.Label, c.Name))
	}
	if len(words) == 0 {
		return "Ends as its original does; `phased show` tells the cause."
	}
	return "Ends with " + strings.Join(words, ", ") + "."
}

// marked is a text in Markdown: what is to be typed, and what would mean
// something else in Markdown, is code.
func marked(lex lexicon, text string) string {
	var b strings.Builder
	for _, w := range lex.words(text) {
		if w.face == 'B' {
			b.WriteString("`" + w.text + "`")
			continue
		}
		b.WriteString(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, `<`, `\<`, `[`, `\[`).Replace(w.text))
	}
	return b.String()
}

// cell keeps a text within its cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
