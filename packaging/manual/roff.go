package main

import (
	"fmt"
	"strings"
)

// roff writes the page in the macros of man(7).
func (p page) roff(by imprint) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, ".\\\" Made from the commands of phased. Do not edit.\n")
	fmt.Fprintf(&b, ".TH %s %s %s %s %s\n", quoted(strings.ToUpper(p.name)), p.section, by.date.Format("2006-01-02"),
		quoted("phased "+by.version), quoted("phased"))
	// No hyphenation, and a ragged right margin: what is typed is searched for, and copied.
	b.WriteString(".nh\n.ad l\n.SH NAME\n")
	fmt.Fprintf(&b, "%s \\- %s\n", escape(p.name), escape(p.short))
	lex := pageLexicon(p)
	for _, part := range p.parts {
		fmt.Fprintf(&b, ".SH %s\n", quoted(part.title))
		after := ""
		for i, blk := range part.blocks {
			after = blk.roff(&b, lex, i == 0 || after == "heading")
		}
	}
	return []byte(b.String())
}

// roff writes one block; first: nothing stands before it in its section.
func (k block) roff(b *strings.Builder, lex lexicon, first bool) (kind string) {
	switch {
	case k.heading:
		fmt.Fprintf(b, ".SS %s\n", quoted(k.text))
		return "heading"
	case k.literal:
		if !first {
			b.WriteString(".PP\n")
		}
		b.WriteString(".RS 4\n.nf\n")
		for line := range strings.SplitSeq(k.text, "\n") {
			b.WriteString(guard(escape(line)) + "\n")
		}
		b.WriteString(".fi\n.RE\n")
	case k.synopsis:
		if !first {
			b.WriteString(".br\n")
		}
		b.WriteString(faces(usageWords(k.text)) + "\n")
	case k.tag != "":
		fmt.Fprintf(b, ".TP\n%s\n%s\n", faces(usageWords(k.tag)), fill(faces(lex.words(k.text))))
	default:
		if !first {
			b.WriteString(".PP\n")
		}
		b.WriteString(fill(faces(lex.words(k.text))) + "\n")
	}
	return ""
}

// usageWords takes a usage apart: names in capitals are to be replaced, marks
// stand as they are, all else is to be typed.
func usageWords(text string) []word {
	var all []word
	for i := 0; i < len(text); {
		j := i
		switch {
		case strings.HasPrefix(text[i:], "OPTION..."):
			j, all = i+9, append(all, word{"OPTION", 'I'}, word{"...", 'R'})
		case strings.ContainsRune("[]|,=. ", rune(text[i])) && !isDotted(text, i):
			for j < len(text) && strings.ContainsRune("[]|,=. ", rune(text[j])) {
				j++
			}
			all = append(all, word{text[i:j], 'R'})
		default:
			for j < len(text) && (!strings.ContainsRune("[]|,=. ", rune(text[j])) || isDotted(text, j)) {
				j++
			}
			face := 'B'
			if w := text[i:j]; w == strings.ToUpper(w) && w[0] >= 'A' && w[0] <= 'Z' {
				face = 'I'
			}
			all = append(all, word{text[i:j], face})
		}
		i = j
	}
	return all
}

// isDotted reports whether that is a point within a word, or at its beginning.
func isDotted(text string, at int) bool {
	return text[at] == '.' && at+1 < len(text) && isWord(text[at+1]) && text[at+1] >= 'a'
}

// faces writes words with their faces.
func faces(words []word) string {
	var b strings.Builder
	for _, w := range words {
		if w.face == 'R' {
			b.WriteString(escape(w.text))
			continue
		}
		fmt.Fprintf(&b, `\f%c%s\fR`, w.face, escape(w.text))
	}
	return b.String()
}

// escape writes a text so that roff prints just that.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `"`, `\(dq`).Replace(text)
}

// fill breaks a paragraph into lines that an editor shows. A sentence that ends
// with its line gets no wider blank behind it than others.
func fill(text string) string {
	var b strings.Builder
	column := 0
	for i, w := range strings.Fields(text) {
		if i > 0 && column+1+len(w) > 76 {
			if strings.ContainsAny(b.String()[b.Len()-1:], ".?!:") {
				b.WriteString(`\&`)
			}
			b.WriteString("\n")
			column, w = 0, guard(w)
		} else if i > 0 {
			b.WriteString(" ")
			column++
		}
		b.WriteString(w)
		column += len(w)
	}
	return guard(b.String())
}

// guard keeps a line from being taken for a macro.
func guard(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

// quoted is an argument of a macro.
func quoted(text string) string { return `"` + escape(text) + `"` }
