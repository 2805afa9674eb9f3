package fleetcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"phased/internal/phased"
	"phased/internal/usage"
)

// The exit codes, of the table that `phased help exit-codes` prints.
const (
	exitOK       = 0
	exitInvalid  = 2
	exitInternal = 74
	exitSignal   = 128
)

// World is the process that a command runs in.
type World struct {
	Argv           []string // the whole command line
	Environ        []string // NAME=value
	Stdout, Stderr *os.File
	Version        string
}

// Ended is the cause of the context of Main when a signal has ended the command.
type Ended struct{ Signal syscall.Signal }

func (e *Ended) Error() string { return "ended by " + phased.SignalName(e.Signal) }

// getenv returns the value of an environment variable, "" where there is none.
func (w *World) getenv(name string) string {
	for _, v := range w.Environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// talk prints a line for the operator.
func (w *World) talk(format string, args ...any) {
	fmt.Fprintf(w.Stderr, "phased: "+format+"\n", args...)
}

// failure is an error that knows the exit code of the process.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// invalid is an error of what was asked for.
func invalid(format string, args ...any) error {
	return &failure{exitInvalid, fmt.Errorf(format, args...)}
}

// broken is an error of phased itself.
func broken(format string, args ...any) error {
	return &failure{exitInternal, fmt.Errorf(format, args...)}
}

// Main runs the command line and returns the exit code of the process. What serves
// ends with the context.
func Main(ctx context.Context, w World) int {
	root := newRoot(&w)
	root.SetArgs(usage.RunArguments(w.Argv[1:]))
	root.SetOut(w.Stdout)
	root.SetErr(w.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if ended, ok := errors.AsType[*Ended](context.Cause(ctx)); ok { // what failed then failed for that
		w.talk("%v", ended)
		return exitSignal + int(ended.Signal)
	}
	w.talk("%v", err)
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	return exitInvalid
}

// newRoot returns the command line. It goes by the name of phased: that is what
// people type.
func newRoot(w *World) *cobra.Command {
	root := &cobra.Command{
		Use:           "phased",
		Short:         "the network side of phased",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return invalid("%w", usage.Unknown(cmd, args[0]))
		},
		RunE: func(*cobra.Command, []string) error { return printOverview(w.Stdout) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newServe(w), newCapsule(w))
	root.SetHelpCommand(newHelp(w))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if err := printHelp(w.Stdout, cmd); err != nil {
			w.talk("cannot print the help: %v", err)
		}
	})
	root.SetUsageFunc(func(*cobra.Command) error { return nil })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return invalid("%w", usage.Flag(cmd, err)) })
	return root
}

// Tree returns the commands of phased-fleet with their flags and texts, for
// what is made of them when phased is packaged. They are not to be run.
func Tree() *cobra.Command {
	return newRoot(&World{Argv: []string{"phased-fleet"}, Stdout: os.Stdout, Stderr: os.Stderr})
}

// printOverview says what this program is and what to type.
func printOverview(out io.Writer) error {
	var text strings.Builder
	text.WriteString("phased-fleet is the network side of phased. Type phased, not phased-fleet:\n\n")
	for _, v := range usage.Verbs() {
		fmt.Fprintf(&text, "  phased %-8s %s\n", v.Name, v.Short)
	}
	text.WriteString("\nphased help COMMAND tells all about one.\n")
	_, err := io.WriteString(out, text.String())
	return err
}

func printHelp(out io.Writer, cmd *cobra.Command) error {
	if !cmd.HasParent() {
		return printOverview(out)
	}
	return usage.Help(out, cmd)
}

// newHelp returns `phased help` of what is here.
func newHelp(w *World) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "tell about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return printOverview(w.Stdout)
			}
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 || found == cmd.Root() {
				return invalid("%w", usage.Unknown(cmd.Root(), args[0]))
			}
			found.InitDefaultHelpFlag()
			return printHelp(w.Stdout, found)
		},
	}
}

// noArguments refuses arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return invalid("%w", usage.Extra(cmd, args[0]))
}
