// Package usage is what the command lines of both programs say of themselves:
// the help of a command, and what is wrong with what was typed. People type
// phased, whichever program it is that answers.
//
// It must not know what any command does.
package usage

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"phased/internal/config"
)

// Verb is a command of the network side.
type Verb struct{ Name, Short string }

// Verbs lists the commands that phased hands on to phased-fleet.
func Verbs() []Verb {
	return []Verb{
		{"serve", "show the runs of this host in a browser"},
		{"capsule", "write a run as one HTML file, for a ticket"},
	}
}

// Short returns what a command of the network side does, in a few words; ""
// where there is no such.
func Short(name string) string {
	for _, v := range Verbs() {
		if v.Name == name {
			return v.Short
		}
	}
	return ""
}

// Help prints the help of one command: what it does, its flags, examples.
func Help(w io.Writer, cmd *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n\n", cmd.UseLine())
	text := cmd.Long
	if text == "" {
		text = strings.ToUpper(cmd.Short[:1]) + cmd.Short[1:] + "."
	}
	b.WriteString(strings.TrimSpace(text) + "\n")
	if cmd.HasAvailableLocalFlags() {
		b.WriteString("\n")
		writeFlags(&b, cmd.LocalFlags())
	}
	if cmd.Example != "" {
		b.WriteString("\nexamples:\n")
		for line := range strings.SplitSeq(strings.TrimSpace(cmd.Example), "\n") {
			b.WriteString("  " + strings.TrimSpace(line) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeFlags writes a flag a line.
func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	type row struct{ left, right string }
	var rows []row
	wide := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		left := "    --" + f.Name
		if f.Shorthand != "" {
			left = "-" + f.Shorthand + ", --" + f.Name
		}
		switch {
		case value == "" || f.Value.Type() == "bool":
		case f.NoOptDefVal != "":
			left += "[=" + value + "]"
		default:
			left += " " + value
		}
		rows = append(rows, row{left, usage})
		wide = max(wide, len(left))
	})
	for _, r := range rows {
		fmt.Fprintf(b, "  %-*s  %s\n", wide, r.left, r.right)
	}
}

// Unknown is the error of a command that there is none of, with the nearest one.
func Unknown(cmd *cobra.Command, name string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("unknown command %q%s (phased help lists the commands)", name, Nearest(name, names, ""))
}

// Nearest returns "; did you mean X?" where a known word is near.
func Nearest(word string, known []string, prefix string) string {
	if n := config.Nearest(word, known); n != "" {
		return "; did you mean " + prefix + n + "?"
	}
	return ""
}

// Flag is the error of a flag that cannot be read, with the nearest one.
func Flag(cmd *cobra.Command, err error) error {
	help := fmt.Sprintf(" (phased help %s lists the flags)", cmd.Name())
	if !cmd.HasParent() {
		help = " (phased help lists the commands)"
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1 {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := unknown.GetSpecifiedName()
		return fmt.Errorf("%s: unknown flag --%s%s%s", cmd.Name(), name, Nearest(name, names, "--"), help)
	}
	return fmt.Errorf("%s: %v%s", cmd.Name(), err, help)
}

// Extra is the error of an argument too many.
func Extra(cmd *cobra.Command, arg string) error {
	return fmt.Errorf("%s: unexpected argument %q; usage: %s", cmd.Name(), arg, cmd.UseLine())
}
