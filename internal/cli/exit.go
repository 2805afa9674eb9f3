package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"phased/internal/phased"
)

// The exit codes of phased's own verbs. They are frozen.
const (
	exitOK       = 0
	exitHook     = 1
	exitInvalid  = 2
	exitInternal = 74
	exitBusy     = 75
	exitReboot   = 76
	exitTrust    = 77
	exitGate     = 78
	exitTimeout  = 124
	exitSignal   = 128
)

// exitCode is one row of the table of exit codes.
type exitCode struct {
	code     int
	name     string
	meaning  string
	reserved bool // no verb of this version ends with it
}

// exitCodes is the one table of exit codes: `phased help exit-codes` prints it.
func exitCodes() []exitCode {
	return []exitCode{
		{exitOK, "success", "all is well: every hook succeeded; check found no error; what was asked for was done", false},
		{exitHook, "hook failed", "a hook failed, was killed by a signal or could not be run; or phased changed found no change", false},
		{exitInvalid, "invalid", "the command line, the settings or the plan is invalid, check found errors, or there is no such run or hook; a phase could not be listed, or is not what was planned and its list is pinned", false},
		{exitInternal, "internal", "phased itself could not go on: the record cannot be written or read, or a hook cannot be waited for", false},
		{exitBusy, "busy", "another run of the same base goes on, or a dead run has left processes running", false},
		{exitReboot, "waiting for a reboot", "a hook asked for a reboot of the host, and the run goes on after that; or the host has not been rebooted yet", false},
		{exitTrust, "refused for trust or signature", "a hook, a directory on the way to it, the settings, the state directory or what a run had saved for resuming could have been written by somebody else", false},
		{exitGate, "aborted at a gate", "", true},
		{exitTimeout, "timed out", "a hook, a phase or the run reached its time limit", false},
		{exitSignal, "stopped by signal n", "phased was told to stop by signal n: 129 SIGHUP, 130 SIGINT, 143 SIGTERM", false},
	}
}

// label is how the table names the code: 128+n for those of signals.
func (c exitCode) label() string {
	if c.code == exitSignal {
		return "128+n"
	}
	return fmt.Sprint(c.code)
}

func (c exitCode) text() string {
	if c.reserved {
		return c.name + " (reserved: this version never ends with it)"
	}
	return c.name + ": " + c.meaning
}

// printExitCodes prints the table.
func printExitCodes(w io.Writer) error {
	var b strings.Builder
	b.WriteString("Exit codes of phased's own verbs:\n\n")
	for _, c := range exitCodes() {
		fmt.Fprintf(&b, "%7s  %s\n", c.label(), wrap(c.text(), 70, "         "))
	}
	b.WriteString("\nOf several, the cause that stopped the run counts. What happens in the failure\n" +
		"phase changes no exit code. os-refresh-config, dib-run-parts, stack, unstack and\n" +
		"clean exit as their originals do; `phased show` has the cause.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text into lines of at most that many bytes.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = 0
		case i > 0:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
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

// broken is an error of phased itself or of the host.
func broken(format string, args ...any) error {
	return &failure{exitInternal, fmt.Errorf(format, args...)}
}

// stopped is how a command ends that was told to stop before it did anything.
func stopped(s *phased.StopRequest) error {
	return &failure{exitSignal + int(s.Signal), fmt.Errorf("%w before a hook was started", s)}
}

// status ends the process with a code that was already told of.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// codeOf returns the exit code for what a command returned, and whether there
// is anything left to say.
func codeOf(err error) (code int, silent bool) {
	var s status
	var f *failure
	switch {
	case err == nil:
		return exitOK, true
	case errors.As(err, &s):
		return int(s), true
	case errors.As(err, &f):
		return f.code, false
	case errors.Is(err, syscall.EPIPE):
		return exitSignal + int(syscall.SIGPIPE), true
	}
	return exitInternal, false
}
