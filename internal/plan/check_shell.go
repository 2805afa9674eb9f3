package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"phased/internal/phased"
)

// syntaxLimit ends a shell that does not end its syntax check by itself.
const syntaxLimit = 10 * time.Second

// findShells finds the shells that check syntax, at their usual places only.
func findShells() map[string]string {
	shells := map[string]string{}
	for name, places := range map[string][]string{"bash": {"/bin/bash", "/usr/bin/bash"}, "sh": {"/bin/sh", "/usr/bin/sh"}} {
		for _, p := range places {
			if shells[name] == "" && mayExecute(p) {
				shells[name] = p
			}
		}
	}
	return shells
}

// complaint is what one parser has against a script.
type complaint struct {
	line    int
	message string
	warning bool
}

// syntax checks a script by the shell that runs it, and by a second parser. What
// both refuse is one finding; what only the second refuses is a warning.
func (c *checker) syntax(f *finder, content []byte, dialect string) {
	const cure = "mend the script; the shell would stop there, after having run what comes before"
	second := parseShell(content, dialect)
	first, err := c.runShell(content, dialect)
	if err != nil {
		f.add(CodeShellSyntax, phased.SeverityInfo, 0, fmt.Sprintf("%s -n could not check it: %v", dialect, err), "none")
	}
	last := max(bytes.Count(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))+1, 1)
	if second != nil {
		second.line = min(second.line, last) // the end of the file is no line of it
	}
	told := map[int]bool{}
	for _, w := range first {
		w.line = min(w.line, last)
		if told[w.line] {
			continue
		}
		told[w.line] = true
		s := phased.SeverityError
		if w.warning {
			s = phased.SeverityWarning
		}
		if second != nil && second.line != w.line {
			w.message += fmt.Sprintf(" (it may begin in line %d: %s)", second.line, second.message)
		}
		f.add(CodeShellSyntax, s, w.line, w.message, cure)
	}
	switch {
	case second == nil || len(first) > 0:
	case f.sourced: // by bash, which has nothing against it
		f.add(CodeShellSyntax, phased.SeverityInfo, second.line, "only bash can read this, so that what the file leaves behind was not looked at: "+second.message, "none needed")
	default:
		f.add(CodeShellSyntax, phased.SeverityWarning, second.line, second.message,
			fmt.Sprintf("the %s here takes it, another one may not: write it in plain %s", dialect, dialect))
	}
}

// The second parser recurses, and a stack that overflows would take phased with
// it: some KiB a bracket, up to 1 KiB for other bytes. Scripts beyond these
// bounds are left to the shell alone.
const (
	maxParse   = 128 << 10
	maxNesting = 2000
)

// nesting bounds how deep brackets nest, quotes and comments not understood.
func nesting(content []byte) int {
	depth, most := 0, 0
	for _, b := range content {
		switch b {
		case '(', '[', '{':
			depth++
			most = max(most, depth)
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return most
}

// parseShell parses a script by the mvdan/sh parser; nil where it has nothing
// against it.
func parseShell(content []byte, dialect string) (found *complaint) {
	if len(content) > maxParse || nesting(content) > maxNesting {
		return nil
	}
	defer func() {
		if recover() != nil {
			found = nil // a fault of the parser is none of the script
		}
	}()
	variant := syntax.LangBash
	switch dialect {
	case "sh":
		variant = syntax.LangPOSIX
	case "ksh":
		variant = syntax.LangMirBSDKorn
	}
	_, err := syntax.NewParser(syntax.Variant(variant)).Parse(bytes.NewReader(content), "")
	var parse syntax.ParseError
	var lang syntax.LangError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &parse):
		return &complaint{line: int(parse.Pos.Line()), message: parse.Text}
	case errors.As(err, &lang):
		langs := make([]string, len(lang.Langs))
		for i, l := range lang.Langs {
			langs[i] = l.String()
		}
		return &complaint{line: int(lang.Pos.Line()), message: fmt.Sprintf("%s: only %s has that", lang.Feature, strings.Join(langs, ", "))}
	}
	return &complaint{line: 1, message: err.Error()}
}

// runShell lets `bash -n` or `sh -n` read the script, which executes nothing.
func (c *checker) runShell(content []byte, dialect string) ([]complaint, error) {
	shell := c.shells[dialect]
	if shell == "" {
		return nil, nil
	}
	script, err := memoryFile(content)
	if err != nil {
		return nil, err
	}
	defer script.Close()
	ctx, cancel := context.WithTimeoutCause(context.Background(), syntaxLimit, fmt.Errorf("it took longer than %v", syntaxLimit))
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, "-n", "/dev/fd/3")
	cmd.Env = []string{"PATH=" + defaultPath, "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{script}
	cmd.WaitDelay = time.Second
	said := &bounded{left: 64 << 10}
	cmd.Stderr = said
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	complaints := parseComplaints(said.String(), dialect)
	if err != nil && len(complaints) == 0 {
		complaints = []complaint{{line: 1, message: fmt.Sprintf("%s -n refuses it: %v", dialect, err)}}
	}
	return complaints, nil
}

// memoryFile holds the script, so that the shell checks the bytes that were
// read, and no name can be misunderstood.
func memoryFile(content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("phased-check", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "phased-check")
	if _, err := f.Write(content); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// parseComplaints reads what bash ("/dev/fd/3: line 4: text") or dash
// ("/dev/fd/3: 4: text") says.
func parseComplaints(text, dialect string) []complaint {
	var all []complaint
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(strings.TrimRight(line, "\n"), "/dev/fd/3: ")
		if !found {
			continue
		}
		number, message, found := strings.Cut(strings.TrimPrefix(rest, "line "), ": ")
		n, err := strconv.Atoi(number)
		if !found || err != nil || strings.HasPrefix(message, "`") {
			continue // bash repeats the line in `...'
		}
		message, warning := strings.CutPrefix(message, "warning: ")
		message = strings.TrimPrefix(message, "Syntax error: ")
		all = append(all, complaint{line: max(n, 1), message: dialect + " -n: " + message, warning: warning})
	}
	return all
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	left int
}

// Write implements io.Writer; it never fails.
func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}
