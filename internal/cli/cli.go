package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"phased/internal/config"
	"phased/internal/executor"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/trust"
	"phased/internal/tui"
	"phased/internal/usage"
)

// World is the process that a command runs in.
type World struct {
	Argv                  []string // the whole command line
	Environ               []string // NAME=value
	Stdin, Stdout, Stderr *os.File
	Version               string
	BootID                func() string // the kernel's boot id; nil: as /proc has it

	screen *tui.Screen // shows a run on the terminal that stderr is; nil: none does
}

// getenv returns the value of an environment variable, "" where there is none.
func (w *World) getenv(name string) string {
	for _, v := range w.Environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// talk prints a line for the operator, apart from the data on stdout.
func (w *World) talk(format string, args ...any) {
	text := fmt.Sprintf("phased: "+format, args...)
	if w.screen != nil && w.screen.Say(text) {
		return
	}
	fmt.Fprintln(writer(w.Stderr), text)
}

// Main runs the command line and returns the exit code of the process.
func Main(w World) int {
	if trust.Borrowed() {
		w.talk("%s %s", w.Argv[0], trust.BorrowedText)
		return exitTrust
	}
	if n, ok := drains(w.Argv); ok {
		return executor.DrainMain(n)
	}
	if reaps(w.Argv) {
		return executor.ReaperMain()
	}
	if words, ok := completesSibling(w.Argv); ok {
		code, _ := codeOf(runSibling(&w, words)) // it came back: a shell that completes wants no talk
		return code
	}
	root := newRoot(&w)
	root.SetArgs(usage.RunArguments(w.Argv[1:]))
	root.SetIn(w.Stdin)
	root.SetOut(w.Stdout)
	root.SetErr(w.Stderr)
	err := root.Execute()
	code, silent := codeOf(err)
	if !silent {
		w.complain(err)
	}
	return code
}

// drainArgument is the first argument of a process that reads on what processes
// write that hooks of an ended run left behind.
const drainArgument = "drain-output"

// drainCommand starts such a process; a number of descriptors follows. The
// program is named by the kernel's link to it, not by its path: the file there
// may be another by now.
func drainCommand() []string { return []string{"/proc/self/exe", drainArgument} }

// drains reports whether this is such a process, and how many descriptors it
// reads.
func drains(argv []string) (int, bool) {
	if len(argv) != 3 || argv[1] != drainArgument {
		return 0, false
	}
	n, err := strconv.Atoi(argv[2])
	return n, err == nil && n > 0
}

// complain prints an error. Mistakes in files come one a line, as compilers
// print them.
func (w *World) complain(err error) {
	var c config.Errors
	var p plan.Errors
	switch {
	case errors.As(err, &c):
		fmt.Fprintln(w.Stderr, harmless(c.Error()))
		w.talk("%s in the settings: nothing was done", mistakes(len(c)))
	case errors.As(err, &p) && len(p) > 1:
		fmt.Fprintln(w.Stderr, harmless(p.Error()))
		w.talk("%s: nothing was done", mistakes(len(p)))
	default:
		w.talk("%s", harmless(err.Error()))
	}
}

// harmless is a text of several lines as it may be printed: what was typed, and what
// stands in files, is in it.
func harmless(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = report.Safe(line, false)
	}
	return strings.Join(lines, "\n")
}

func mistakes(n int) string {
	if n == 1 {
		return "1 mistake"
	}
	return fmt.Sprintf("%d mistakes", n)
}

func newRoot(w *World) *cobra.Command {
	root := &cobra.Command{
		Use:           "phased",
		Short:         "run the hook scripts of a host in phases",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			return printOverview(w.Stdout)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.Flags().SortFlags = false
	// The flags of two dozen commands take a tenth of a millisecond, and a hook
	// waits.
	switch w.verb() {
	case "run":
		root.AddCommand(newRun(w))
	case "notify":
		root.AddCommand(newNotify(w))
	case "changed":
		root.AddCommand(newChanged(w))
	default:
		root.AddCommand(commands(w)...)
		root.AddCommand(siblings(w)...)
	}
	root.SetHelpCommand(newHelp(w))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if err := printHelp(w.Stdout, cmd); err != nil {
			w.talk("cannot print the help: %v", err)
		}
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error { return nil })
	root.SetFlagErrorFunc(flagError)
	return root
}

// verb is the command that is typed, where it is the first word.
func (w *World) verb() string {
	if len(w.Argv) < 2 {
		return ""
	}
	return w.Argv[1]
}

// commands are all but help.
func commands(w *World) []*cobra.Command {
	return []*cobra.Command{
		newRun(w), newWatch(w), newPlan(w), newCheck(w),
		newStack(w), newUnstack(w), newClean(w), newResume(w), newRebootNeeded(w), newNotify(w), newChanged(w), newEnv(w), newBlame(w), newForget(w),
		newRuns(w), newTop(w), newShow(w), newStats(w), newLogs(w), newStop(w), newPrune(w),
		newShellInit(w), newRecordShell(w),
		newInstallPersonalities(w), newUninstallPersonalities(w),
		newCompletion(w), newVersion(w),
	}
}

// knownCommand refuses a command that there is none of, with the nearest one.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return invalid("%w", usage.Unknown(cmd, args[0]))
}

// nearest returns "; did you mean X?" where a known word is near.
func nearest(word string, known []string) string {
	return usage.Nearest(word, known, "")
}

// flagError tells of a flag that cannot be read, with the nearest one.
func flagError(cmd *cobra.Command, err error) error { return invalid("%w", usage.Flag(cmd, err)) }

// atMost refuses more arguments than a command takes.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return invalid("%w", usage.Extra(cmd, args[n]))
		}
		return nil
	}
}
