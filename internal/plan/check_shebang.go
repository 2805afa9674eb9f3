package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// shebangMax is how much of a #! line the kernel reads, in bytes.
const shebangMax = 255

// shebang is the first line of a script, as the kernel splits it.
type shebang struct {
	present     bool
	crlf        bool
	long        bool
	interpreter string
	argument    string // all that follows, as one
	dialect     string // bash or sh, where the interpreter is one; ksh
}

// parseShebang reads the #! line that a file may start with.
func parseShebang(content []byte) shebang {
	rest, present := bytes.CutPrefix(content, []byte("#!"))
	if !present {
		return shebang{}
	}
	sb := shebang{present: true}
	line, _, _ := bytes.Cut(rest[:min(len(rest), 4096)], []byte("\n"))
	sb.long = len(line)+2 > shebangMax
	if cut, crlf := bytes.CutSuffix(line, []byte("\r")); crlf {
		sb.crlf, line = true, cut
	}
	text := strings.Trim(string(line), " \t")
	sb.interpreter = text
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		sb.interpreter, sb.argument = text[:i], strings.Trim(text[i:], " \t")
	}
	program := sb.interpreter
	if sb.isEnv() {
		program, _ = sb.envProgram()
	}
	switch filepath.Base(program) {
	case "bash", "rbash":
		sb.dialect = "bash"
	case "sh", "dash", "ash":
		sb.dialect = "sh"
	case "ksh", "mksh", "ksh93", "pdksh":
		sb.dialect = "ksh"
	}
	return sb
}

func (s shebang) isEnv() bool { return filepath.Base(s.interpreter) == "env" }

// envProgram returns the program that env is told to run; known says that it is
// certain which. The kernel gives all that follows as one argument, which env
// splits for -S only.
func (s shebang) envProgram() (program string, known bool) {
	arg := s.argument
	if split, found := cutSplit(arg); found {
		for word := range strings.FieldsSeq(split) {
			if strings.ContainsAny(word, `'"\$`) || word[0] == '-' && word != "-i" && word != "-" {
				return "", false
			}
			if word[0] != '-' && !strings.Contains(word, "=") {
				return word, true
			}
		}
		return "", true
	}
	if strings.HasPrefix(arg, "-") || strings.Contains(arg, "=") {
		return "", false
	}
	return arg, true
}

func cutSplit(arg string) (string, bool) {
	for _, option := range []string{"--split-string=", "--split-string", "-vS", "-iS", "-S"} {
		if rest, found := strings.CutPrefix(arg, option); found {
			return strings.TrimLeft(rest, " \t"), true
		}
	}
	return "", false
}

// shebang checks the #! line and the interpreter that it names.
func (c *checker) shebang(f *finder, sb shebang) {
	if sb.crlf {
		f.add(CodeShebangCRLF, phased.SeverityError, 1, "the #! line ends in CR LF: the kernel takes the CR for a part of it",
			`write the file with Unix line ends: sed -i 's/\r$//'`)
	}
	if sb.long {
		f.add(CodeShebangLong, phased.SeverityError, 1, fmt.Sprintf("the #! line is longer than %d bytes: the kernel cuts it", shebangMax), "shorten it")
		return
	}
	if sb.interpreter == "" {
		f.add(CodeInterpreterMissing, phased.SeverityError, 1, "the #! line names no interpreter", "write #!/bin/sh or #!/bin/bash")
		return
	}
	if !c.interpreter(f, sb.interpreter) || !sb.isEnv() {
		return
	}
	program, known := sb.envProgram()
	if known {
		c.envProgram(f, program)
	}
}

// interpreter checks that a program is there and can be executed.
func (c *checker) interpreter(f *finder, program string) bool {
	path := program
	if !filepath.IsAbs(path) {
		path = filepath.Join(string(c.plan.Surroundings.Dir), path)
	}
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err != nil && isNotDir(err):
		f.add(CodeInterpreterMissing, phased.SeverityError, 1, fmt.Sprintf("the interpreter %s does not exist", program), "install it, or name another in the #! line")
		return false
	case err != nil:
		f.add(CodeInterpreterNotExecutable, phased.SeverityError, 1, fmt.Sprintf("the interpreter %s cannot be reached: %v", program, reason(err)), "check the permissions of its directories")
		return false
	case !fi.Mode().IsRegular() || !mayExecute(path):
		f.add(CodeInterpreterNotExecutable, phased.SeverityError, 1, fmt.Sprintf("the interpreter %s cannot be executed", program), "name a program in the #! line")
		return false
	}
	return true
}

func mayExecute(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) == nil
}

// envProgram checks that env will find the program on the PATH of the hooks.
func (c *checker) envProgram(f *finder, program string) {
	switch {
	case program == "":
		f.add(CodeInterpreterMissing, phased.SeverityError, 1, "the #! line gives env no program to run", "write #!/usr/bin/env bash, or name the interpreter itself")
		return
	case strings.ContainsAny(program, " \t"):
		f.add(CodeInterpreterMissing, phased.SeverityError, 1, fmt.Sprintf("env looks for a program called %q: all that follows is one argument", program),
			"write #!/usr/bin/env -S "+program)
		return
	case strings.Contains(program, "/"):
		c.interpreter(f, program)
		return
	}
	path := ""
	for _, v := range c.plan.Surroundings.Env {
		if p, found := strings.CutPrefix(string(v), "PATH="); found {
			path = p
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(string(c.plan.Surroundings.Dir), dir)
		}
		full := filepath.Join(dir, program)
		if fi, err := os.Stat(full); err == nil && fi.Mode().IsRegular() && mayExecute(full) {
			return
		}
	}
	f.add(CodeInterpreterMissing, phased.SeverityError, 1, fmt.Sprintf("env finds no %s on the hooks' PATH, %s", program, path),
		"install it, or set PATH under environment in the settings")
}
