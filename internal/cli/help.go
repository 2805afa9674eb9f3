package cli

import (
	"io"

	"github.com/spf13/cobra"

	"phased/internal/usage"
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

For people elsewhere:

  phased serve                 the runs in a browser: http://127.0.0.1:8642/
  phased capsule -o run.html   a run as one file, for a ticket

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
	return usage.Help(w, cmd)
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
			if usage.Short(found.Name()) != "" {
				return runSibling(w, []string{"help", found.Name()})
			}
			found.InitDefaultHelpFlag()
			return printHelp(w.Stdout, found)
		},
	}
}
