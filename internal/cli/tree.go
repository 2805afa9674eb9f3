package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Tree returns the commands of phased with their flags and texts, for what is
// made of them when phased is packaged: man pages, completions, the reference.
// Its commands are not to be run.
func Tree() *cobra.Command {
	return newRoot(&World{Argv: []string{"phased"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}

// ExitCode is one row of the table of exit codes.
type ExitCode struct {
	Label string // the number, or 128+n
	Name  string
	Text  string // what it means; "" for a code that is reserved
}

// ExitCodes returns the table that `phased help exit-codes` prints.
func ExitCodes() []ExitCode {
	var all []ExitCode
	for _, c := range exitCodes() {
		all = append(all, ExitCode{Label: c.label(), Name: c.name, Text: c.meaning})
	}
	return all
}

// ExitsOf returns the labels of the codes that a command may end with, and
// none for those that end as their originals do.
func ExitsOf(command string) []string {
	labels := "0 2 74"
	switch command {
	case "stack", "unstack", "clean":
		return nil
	case "run", "resume", "watch":
		labels = "0 1 2 74 75 76 77 124 128+n"
	case "changed":
		labels = "0 1 2 74 75 77"
	case "notify", "forget":
		labels = "0 2 74 75 77"
	case "plan", "check", "env", "blame", "runs", "show", "stats", "top", "logs", "stop", "prune", "shell-init", "serve", "capsule":
		labels = "0 2 74 77"
	}
	return strings.Fields(labels)
}
