package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"phased/internal/cli"
	"phased/internal/fleetcli"
)

// trees are the commands of both programs, the runner's first.
func trees() []*cobra.Command {
	return []*cobra.Command{cli.Tree(), fleetcli.Tree()}
}

// verb is a command that people type: of the network side as well, it is
// phased's.
type verb struct {
	cmd   *cobra.Command
	name  string
	fleet bool // phased-fleet does it
}

// verbs are all commands that are shown, in the order of the programs. Where
// the runner only hands a command on to phased-fleet, that one's counts.
func verbs() []verb {
	var all []verb
	for i, root := range trees() {
		root.InitDefaultHelpCmd()
		for _, c := range root.Commands() {
			// What the runner has beside its list is help.
			if c.Hidden || i > 0 && c.Name() == "help" {
				continue
			}
			v := verb{cmd: c, name: c.Name(), fleet: i > 0}
			c.InitDefaultHelpFlag()
			if at := slices.IndexFunc(all, func(o verb) bool { return o.name == v.name }); at >= 0 {
				all[at] = v
				continue
			}
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b verb) int { return strings.Compare(a.name, b.name) })
	return all
}

// section is 8 for what serves, else 1.
func (v verb) section() string {
	if slices.Contains([]string{"serve", "agent", "hub"}, v.name) {
		return "8"
	}
	return "1"
}

func (v verb) page() string { return "phased-" + v.name }

// usages are the forms of the command line, as people type them.
func (v verb) usages() []string {
	var all []string
	for form := range strings.SplitSeq(v.cmd.Use, " | ") {
		form = "phased " + strings.TrimSuffix(strings.TrimSpace(form), " [flags]")
		if v.cmd.HasAvailableFlags() && !v.cmd.DisableFlagsInUseLine {
			form += " [OPTION...]"
		}
		all = append(all, form)
	}
	if v.name == "help" {
		return []string{"phased " + v.cmd.Use}
	}
	return all
}

// long is what the command does.
func (v verb) long() string {
	if v.cmd.Long != "" {
		return v.cmd.Long
	}
	return sentence(v.cmd.Short)
}

// sentence makes a sentence of a phrase.
func sentence(phrase string) string {
	if phrase == "" {
		return ""
	}
	first := phrase[:1]
	if strings.HasPrefix(phrase, "phased") {
		first = "p"
	} else if word, _, _ := strings.Cut(phrase, " "); word != strings.ToUpper(word) {
		first = strings.ToUpper(first)
	}
	s := first + phrase[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// option is one flag.
type option struct {
	name  string // without its dashes
	tag   string // -n, --number N
	usage string
}

// options are the flags in the order of --help, which itself comes last.
func (v verb) options() []option {
	var all []option
	help := -1
	v.cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if f.Name == "help" {
			help = len(all)
		}
		all = append(all, optionOf(f))
	})
	if help >= 0 {
		last := all[help]
		last.usage = "Print help, and end."
		all = append(slices.Delete(all, help, help+1), last)
	}
	return all
}

func optionOf(f *pflag.Flag) option {
	value, usage := pflag.UnquoteUsage(f)
	o := option{name: f.Name, tag: "--" + f.Name}
	if f.Shorthand != "" {
		o.tag = "-" + f.Shorthand + ", " + o.tag
	}
	switch {
	case value == "" || f.Value.Type() == "bool":
	case f.NoOptDefVal != "":
		o.tag += "[=" + value + "]"
	default:
		o.tag += " " + value
	}
	if !slices.Contains([]string{"", "false", "0", "0s", "[]"}, f.DefValue) && !strings.Contains(usage, "(default") {
		usage += " (default: " + f.DefValue + ")"
	}
	o.usage = sentence(strings.ReplaceAll(usage, "(default ", "(default: "))
	return o
}

// examples are the lines that people may type.
func (v verb) examples() []string {
	var all []string
	for line := range strings.SplitSeq(strings.TrimSpace(v.cmd.Example), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, strings.Replace(line, "phased-fleet ", "phased ", 1))
		}
	}
	return all
}

// exits says with which codes the command may end.
func (v verb) exits() []cli.ExitCode {
	labels := cli.ExitsOf(v.name)
	var all []cli.ExitCode
	for _, c := range cli.ExitCodes() {
		if slices.Contains(labels, c.Label) {
			all = append(all, c)
		}
	}
	return all
}

// related are the commands that the texts of this one name.
func (v verb) related(all []verb) []verb {
	texts := []string{v.long(), v.cmd.Example}
	for _, o := range v.options() {
		texts = append(texts, o.usage)
	}
	lex := lexiconOf(all)
	found := map[string]bool{}
	for _, text := range texts {
		for _, w := range lex.words(strings.Join(strings.Fields(text), " ")) {
			found[w.text] = true
		}
	}
	var related []verb
	for _, o := range all {
		if o.name != v.name && found["phased "+o.name] {
			related = append(related, o)
		}
	}
	return related
}

// lexiconOf knows the commands.
func lexiconOf(all []verb) lexicon {
	lex := lexicon{metavars: map[string]bool{}}
	for _, v := range all {
		lex.commands = append(lex.commands, "phased "+v.name)
	}
	// The longest first: phased shell-init is no phased shell.
	slices.SortFunc(lex.commands, func(a, b string) int { return len(b) - len(a) })
	return lex
}

// pageLexicon knows the commands, and the names in capitals of the page.
func pageLexicon(p page) lexicon {
	lex := lexiconOf(verbs())
	for _, part := range p.parts {
		for _, blk := range part.blocks {
			usage := blk.tag
			if blk.synopsis {
				usage = blk.text
			}
			for _, w := range usageWords(usage) {
				if w.face == 'I' && len(w.text) > 0 {
					lex.metavars[w.text] = true
				}
			}
		}
	}
	return lex
}
