package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// printOverview prints what phased is and what to type.
func printOverview(w io.Writer) error {
	_, err := io.WriteString(w, `phased runs the hook scripts of a host in phases and keeps a record of every run.

  phased plan                  what would run, in which order, and why
  phased check                 mistakes in the hooks, before they run
  phased run                   run the phases: pre-configure, configure,
                               post-configure, migration
  phased watch --path FILE     run them when files change
  phased show                  the last run: what failed, with its output
  phased resume                go on where it failed; --dry-run says what would run
  phased show -2               the run before it
  phased logs last 20-render   the output of one hook
  phased top                   watch the run that goes on, from another terminal
  phased logs -f               only what its hooks write
  phased runs                  the history
  phased stats                 the slowest and flakiest hooks, and time limits
  phased stop                  end the run that goes on

A hook hands values to later ones by lines NAME=value that it appends to the file
$PHASED_ENV; $PHASED_PATH takes directories, $PHASED_SUMMARY Markdown for show.
phased env and phased blame NAME tell who has set what.

Of hooks that are sourced into one bash, as those of DevStack's extras.d:

  phased stack --top-dir DIR   run them; phased unstack and phased clean likewise
  phased env                   the variables, functions and options that they share
  phased blame NAME            which hook set, changed or removed one

In a hook:

  phased notify nginx          let hooks run that wait for that, once
  phased changed FILE          whether a file is as this hook last saw it
  phased reboot-needed         ask for a reboot of the host

Further: prune, forget, shell-init, install-personalities, uninstall-personalities,
completion, version. phased help COMMAND tells all about one; phased help exit-codes
lists the exit codes.
`)
	return err
}

// printHelp prints the help of one command: what it does, its flags, examples.
func printHelp(w io.Writer, cmd *cobra.Command) error {
	if !cmd.HasParent() {
		return printOverview(w)
	}
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

// newHelp returns `phased help`.
func newHelp(w *World) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | exit-codes]",
		Short: "tell about a command, or list the exit codes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return printOverview(w.Stdout)
			}
			if args[0] == "exit-codes" {
				return printExitCodes(w.Stdout)
			}
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 || found == cmd.Root() {
				return knownCommand(cmd.Root(), args)
			}
			found.InitDefaultHelpFlag()
			return printHelp(w.Stdout, found)
		},
	}
}
