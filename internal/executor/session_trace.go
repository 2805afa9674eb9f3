package executor

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
)

// failure is one failure that the shell has told of.
type failure struct {
	what    string
	status  int
	flags   string
	command string
	frames  []phased.Frame // innermost first, without phased's own; none: the sourcing itself failed
}

func (f failure) fatal() bool { return f.what == saidErr && strings.Contains(f.flags, "e") }

// readFailure reads what __phased_fail says. Frames of the session's own script
// are left out.
func (s *Session) readFailure(r record) (failure, bool) {
	status, ok := index(r.field(0), 256)
	n, err := strconv.Atoi(r.field(3))
	if !ok || err != nil || n < 2 || len(r) != 5+3*n {
		return failure{}, false
	}
	f := failure{what: r.what(), status: status, flags: r.field(1), command: r.field(2)}
	skip := 2 // __phased_fail and the function that the trap calls
	if f.what == saidCall {
		skip = 3
	}
	for i := skip; i < n; i++ {
		frame := phased.Frame{Function: phased.Text(r.field(4 + i)), File: phased.Text(r.field(4 + n + i))}
		if string(frame.File) == s.script.path {
			break
		}
		frame.Line, _ = strconv.Atoi(r.field(4 + 2*n + i - 1))
		if s.run != nil && s.phase.Localrc && string(frame.File) == s.localrcPath() {
			frame.File = s.Config.Conf
		}
		f.frames = append(f.frames, frame)
	}
	return f, true
}

// explain says where the hook failed, and what failed that nobody minded.
func (s *Session) explain(run *sourcing, r *phased.Result, j *job) {
	if s.Blind || s.phase.Calls != "" {
		return
	}
	ignored, first := ignored(run.failures, r.Ended)
	if !r.OK() || r.Ended {
		t := s.trace(run, r, j)
		if t.How == phased.HowExit && r.OK() {
			s.earlyExit(run, t)
		} else if !r.OK() {
			t.Ignored = ignored
			if ignored > 0 && !r.Ended && sameFrames(first.frames, t.Stack) {
				t.Ignored--
			}
			s.quoteSource(t)
			s.lineVariables(t)
			r.Trace = t
		}
	}
	if ignored > 0 && !r.Ended && !strings.Contains(run.flags, "e") {
		s.tellIgnored(run, ignored, first)
	}
}

func sameFrames(a, b []phased.Frame) bool {
	return len(a) > 0 && len(b) > 0 && a[0] == b[0]
}

// ignored counts the failures of commands after which the shell went on, each
// once: a failure that goes up through the functions that called it is one.
func ignored(all []failure, ended bool) (n int, first failure) {
	var last failure
	for i, f := range all {
		if f.what != saidErr || len(f.frames) == 0 || ended && f.fatal() && i >= len(all)-2 {
			last = f
			continue
		}
		passed := false
		for k := range last.frames {
			passed = passed || k > 0 && last.frames[k] == f.frames[0] && len(last.frames)-k == len(f.frames)
		}
		last = f
		if passed {
			continue
		}
		if n++; n == 1 {
			first = f
		}
	}
	return n, first
}

// trace is where the hook ended or failed.
func (s *Session) trace(run *sourcing, r *phased.Result, j *job) *phased.Trace {
	var err, call, exit *failure
	for i := range run.failures {
		switch f := &run.failures[i]; f.what {
		case saidErr:
			err = f
		case saidCall:
			call = f
		case saidExit:
			exit = f
		}
	}
	at := func(how string, f *failure) *phased.Trace {
		t := &phased.Trace{How: how, Command: phased.Text(f.command), Stack: f.frames}
		if len(f.frames) > 0 {
			t.File, t.Line = f.frames[0].File, f.frames[0].Line
		}
		return t
	}
	switch {
	case r.Ended && (r.Cause == phased.CauseSignal || j.ending != nil):
		t := &phased.Trace{How: phased.HowSignal, File: run.hook.Path}
		if exit != nil {
			t = s.search(at(phased.HowSignal, exit))
		}
		if t.Line == 0 && j.ending == nil {
			t.Line, t.Command = onlyLine(s.lines(t.File), "kill")
		}
		return t
	case r.Ended && call != nil:
		return at(phased.HowExit, call)
	case r.Ended && err != nil && err.fatal() && len(err.frames) > 0:
		return at(phased.HowCommand, err)
	case r.Ended && err != nil && err.fatal(), !r.Ended:
		return s.returned(run, r)
	case r.Ended && exit != nil:
		if r.Status == 2 {
			if line, message := s.syntax(run.hook.Path); line > 0 {
				return &phased.Trace{How: phased.HowSyntax, File: run.hook.Path, Line: line, Command: phased.Text(message)}
			}
		}
		how := phased.HowExit
		if strings.Contains(exit.flags, "u") && !strings.HasPrefix(exit.command, "exit") || strings.Contains(exit.command, "?") {
			how = phased.HowUnset
		}
		return s.search(at(how, exit))
	}
	t := &phased.Trace{How: phased.HowExec, File: run.hook.Path}
	t.Line, t.Command = onlyLine(s.lines(run.hook.Path), "exec")
	return t
}

// returned is where a hook ended whose status is that of the file as a whole: a
// return, its last command, or an error of syntax.
func (s *Session) returned(run *sourcing, r *phased.Result) *phased.Trace {
	path := run.hook.Path
	if r.Status == 2 || r.Status == 1 {
		if line, message := s.syntax(path); line > 0 {
			return &phased.Trace{How: phased.HowSyntax, File: path, Line: line, Command: phased.Text(message)}
		}
	}
	lines := s.lines(path)
	if n := len(run.failures); n > 1 {
		f := run.failures[n-2]
		if f.what == saidErr && f.status == r.Status && len(f.frames) == 1 && f.frames[0].File == path && f.frames[0].Line >= lastStatement(lines) {
			return &phased.Trace{How: phased.HowCommand, File: path, Line: f.frames[0].Line, Command: phased.Text(f.command), Stack: f.frames}
		}
	}
	t := &phased.Trace{How: phased.HowReturn, File: path}
	if t.Line, t.Command = onlyLine(lines, "return "+strconv.Itoa(r.Status)); t.Line == 0 {
		t.Line, t.Command = onlyLine(lines, "return")
	}
	if t.Line == 0 && !strings.Contains(strings.Join(lines, "\n"), "return") {
		t.How, t.Line = phased.HowCommand, lastStatement(lines)
		if t.Line > 0 {
			t.Command = phased.Text(strings.TrimSpace(lines[t.Line-1]))
		}
	}
	if t.Line > 0 {
		t.Stack = []phased.Frame{{Function: "source", File: path, Line: t.Line}}
	}
	return t
}

// lines returns the lines of a file that was sourced.
func (s *Session) lines(path phased.Text) []string {
	p, err := readRegular(s.seen(string(path)))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(p), "\n"), "\n")
}

// lastStatement returns the number of the last line that is more than a comment.
func lastStatement(lines []string) int {
	for i := len(lines); i > 0; i-- {
		if l := strings.TrimSpace(lines[i-1]); l != "" && l[0] != '#' {
			return i
		}
	}
	return 0
}

// onlyLine returns the one line that has the words, outside of comments; 0 where
// there are none or several.
func onlyLine(lines []string, words string) (int, phased.Text) {
	found, text := 0, ""
	for i, l := range lines {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' || !hasWords(l, words) {
			continue
		}
		if found > 0 {
			return 0, ""
		}
		found, text = i+1, l
	}
	return found, phased.Text(text)
}

// hasWords reports whether the line has the words, not as a part of others.
func hasWords(line, words string) bool {
	for at := 0; ; {
		i := strings.Index(line[at:], words)
		if i < 0 {
			return false
		}
		at += i
		end := at + len(words)
		if (at == 0 || !isWord(line[at-1])) && (end == len(line) || !isWord(line[end])) {
			return true
		}
		at++
	}
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// ownSource reports whether the command is the one that sources a hook: bash
// names it in its EXIT trap where it has none of the hook.
func ownSource(command string) bool {
	return strings.HasPrefix(command, `source "$1"`) || strings.HasPrefix(command, `source "$dir"`)
}

// search finds the line of the innermost frame, which bash does not know any
// more in its EXIT trap, by the text of the command: the one line that has it,
// or the one of the function.
func (s *Session) search(t *phased.Trace) *phased.Trace {
	t.Line = 0
	if ownSource(string(t.Command)) {
		t.Command = ""
	}
	if len(t.Stack) == 0 || t.Command == "" {
		return t
	}
	words := strings.Join(strings.Fields(firstLine(string(t.Command))), " ")
	function, inside := string(t.Stack[0].Function), false
	var all, within []int
	for i, l := range s.lines(t.File) {
		l = strings.Join(strings.Fields(l), " ")
		switch {
		case strings.HasPrefix(l, "#"):
			continue
		case strings.HasPrefix(l, function+"()"), strings.HasPrefix(l, function+" ()"), strings.HasPrefix(l, "function "+function):
			inside = true
		}
		if strings.Contains(l, words) {
			all = append(all, i+1)
			if inside {
				within = append(within, i+1)
			}
		}
		inside = inside && l != "}"
	}
	if len(all) > 1 {
		all = within
	}
	if len(all) == 1 {
		t.Line = all[0]
	}
	t.Stack[0].Line = t.Line
	return t
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// syntax asks bash whether it can read the file, and returns the line at which it
// cannot.
func (s *Session) syntax(path phased.Text) (line int, message string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	bash := s.Bash
	if bash == "" {
		bash = shell
	}
	c := exec.CommandContext(ctx, bash, "-O", "extglob", "-n", s.seen(string(path)))
	c.Env = []string{"LC_ALL=C"}
	var errs bytes.Buffer
	c.Stderr = &errs
	if c.Run() == nil {
		return 0, ""
	}
	for l := range strings.Lines(errs.String()) {
		_, rest, ok := strings.Cut(l, ": line ")
		number, message, ok2 := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); ok && ok2 && err == nil {
			return n, strings.TrimSpace(message)
		}
	}
	return 0, ""
}

// earlyExit warns of a hook that ended the run half-way, with status 0.
func (s *Session) earlyExit(run *sourcing, t *phased.Trace) {
	const message = "ended the run half-way with status 0"
	s.setup.Sink.Tell(phased.HookWarning{Phase: run.hook.Phase, Hook: run.hook.Name, Code: phased.WarnExitEarly, Message: message, File: t.File, Line: t.Line})
}

func (s *Session) tellIgnored(run *sourcing, n int, first failure) {
	message := strconv.Itoa(n) + " commands failed, the first: "
	if n == 1 {
		message = "a command failed: "
	}
	at := first.frames[0]
	message += firstLine(first.command)
	if s.Redact != nil {
		message = s.Redact.Clean(message)
	}
	s.setup.Sink.Tell(phased.HookWarning{Phase: run.hook.Phase, Hook: run.hook.Name, Code: phased.WarnIgnored, Message: message, File: at.File, Line: at.Line})
}

// warn tells of something about a hook that surprises.
func (s *Session) warn(h phased.Hook, code phased.WarningCode, message string) {
	s.setup.Sink.Tell(phased.HookWarning{Phase: h.Phase, Hook: h.Name, Code: code, Message: message, File: h.Path})
}
