package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"phased/internal/phased"
)

// ReportTail is how many lines of output FailureReport has room for.
const ReportTail = 4

// extent is how much of a failure is told: lines of source, calls, rows of
// variables.
type extent struct {
	source, calls, variables int
	brief                    bool
}

// everything is what Show tells of a failure.
func everything() extent { return extent{source: 20, calls: 30, variables: 30} }

// brief is what fits on a screen beside the rest of FailureReport.
func brief() extent { return extent{source: 3, calls: 3, variables: 3, brief: true} }

// FailureReport prints why a run failed, or ended half-way without a failure,
// and what to type next: the beginning of what Show tells, in at most 25 lines
// where the style is a terminal's. A run that ended well prints nothing.
func FailureReport(w io.Writer, s Style, st Story) error {
	p := newPrinter(w, s)
	r := st.Run
	switch {
	case r.Failure != nil:
		p.failed(st, brief())
		p.briefOutput(st)
	case endedHalfWay(r) != nil:
		p.halfWay(*endedHalfWay(r))
	default:
		return nil
	}
	p.line("")
	id := p.id(r.ID)
	next := p.resumeNext(st)
	if phase, hook, ok := Subject(r); ok && r.Start.Output != "inherited" && len(st.Tail.Lines) > 0 {
		next = append(next, [2]string{p.Command("logs", id, phase+"/"+string(hook)), "all of its output"})
	}
	next = append(next, p.afterNext(r)...)
	p.next(append(next, [2]string{p.Command("show", id), "the whole story"}))
	return p.flush()
}

// failed prints what failed, where and how.
func (p *printer) failed(st Story, e extent) {
	r := st.Run
	f := *r.Failure
	status := r.Status
	if !status.Final() || status == phased.StatusInterrupted {
		status = phased.StatusOf(f.Exit.Cause)
	}
	h := r.Hook(f.Phase, f.Hook)
	if f.Phase == "" && r.SessionEnded != nil {
		p.line(p.paint(alarm, headline(status)) + "  " + p.paint(bold, "the session") + "  " + ExitText(f.Exit))
		p.line("  no hook failed: an EXIT trap did, or what the shell ran last")
		return
	}
	p.failure(f, status)
	switch {
	case h != nil && (f.Trace != nil || len(h.Args) > 0):
		p.where(*h, f, e)
	case h != nil:
		p.line("  " + Name(h.Path) + p.after(*h))
	}
}

// after returns how long a hook took, or has taken.
func (p *printer) after(h phased.HookRun) string {
	switch {
	case h.Exit != nil:
		return ", after " + p.took(h.Took)
	case h.Status == phased.StatusRunning && !p.Now.IsZero():
		return ", for " + About(p.Now.Sub(h.Began))
	}
	return ""
}

// where prints the line at which a sourced hook failed, the calls that led
// there, and the variables that the line uses.
func (p *printer) where(h phased.HookRun, f phased.Failure, e extent) {
	t := f.Trace
	if t == nil {
		t = &phased.Trace{}
	}
	point, how := p.paint(bold, pointText(h)), howText(t.How)
	place := Name(h.Path) + " at " + point
	if t.File != "" {
		place = position(t.File, t.Line)
	}
	stack := t.Stack
	if len(stack) > 0 && stack[0].File == t.File && stack[0].Line == t.Line {
		if stack[0].Function != "source" && stack[0].Function != "main" {
			place += " in " + Name(stack[0].Function)
		}
		stack = stack[1:]
	}
	if how != "" {
		place += ": " + how
	}
	p.line("  " + place + p.after(h))
	if m := f.Exit.Message; m != "" && f.Exit.Cause == phased.CauseExit && m != ExitText(f.Exit) {
		p.line("  " + p.paint(red, Safe(oneLine(m), false)))
	}
	p.source(*t, e)
	if t.File == "" && t.Command == "" && len(stack) == 0 {
		return
	}
	p.line("")
	switch t.File {
	case "":
	case h.Path:
		p.fact("point", point)
	default:
		p.fact("hook", Name(h.Path)+" at "+point)
	}
	if c := oneLine(string(t.Command)); c != "" && !strings.Contains(squeeze(t.Source...), squeeze(t.Command)) {
		p.fact("command", p.fit(c, 15))
	}
	p.calls(ownCalls(stack), h.Path, e.calls)
	p.variables(t.Variables, e)
	if n := t.Ignored; n > 0 && !e.brief {
		p.fact("before", count(n, "failure")+" in this hook that nobody minded")
	}
}

// squeeze returns lines of bash without the white space in them and what joins
// them.
func squeeze(lines ...phased.Text) string {
	var b strings.Builder
	for _, l := range lines {
		for _, r := range string(l) {
			if !unicode.IsSpace(r) && r != '\\' {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// ownCalls leaves out the calls by which every hook is sourced.
func ownCalls(stack []phased.Frame) []phased.Frame {
	for len(stack) > 0 {
		switch last := stack[len(stack)-1].Function; {
		case last == "main", last == "run_phase", strings.HasPrefix(string(last), "__phased"):
			stack = stack[:len(stack)-1]
			continue
		}
		break
	}
	return stack
}

// howText tells in words how a hook failed.
func howText(how string) string {
	switch how {
	case phased.HowCommand:
		return "a command failed"
	case phased.HowReturn:
		return "it returned a failure"
	case phased.HowExit:
		return "it called exit"
	case phased.HowUnset:
		return "a variable is not set"
	case phased.HowSyntax:
		return "syntax error"
	case phased.HowSignal:
		return "a signal ended the shell"
	case phased.HowExec:
		return "exec replaced the shell"
	}
	return how
}

// position returns a line of a file as editors and people read it.
func position(file phased.Text, line int) string {
	if line <= 0 {
		return Name(file)
	}
	return Name(file) + ":" + strconv.Itoa(line)
}

// pointText tells at which point a hook was sourced: "stack install (plugin
// heat)".
func pointText(h phased.HookRun) string {
	if len(h.Args) == 0 {
		return h.Phase
	}
	words := make([]string, len(h.Args))
	for i, a := range h.Args {
		words[i] = ShellWord(string(a))
	}
	text := strings.Join(words, " ")
	if text != h.Phase && !strings.HasSuffix(text, " "+h.Phase) {
		text += " (phase " + h.Phase + ")"
	}
	return text
}

// source prints the lines of a file at which something failed.
func (p *printer) source(t phased.Trace, e extent) {
	if len(t.Source) == 0 {
		return
	}
	if !e.brief {
		p.line("")
	}
	for i, line := range t.Source {
		if i == e.source-1 && len(t.Source) > e.source {
			p.line("      " + p.paint(dim, p.mark("⋮ ", ": ")+count(len(t.Source)-i, "more line")+" of this command"))
			return
		}
		number := fmt.Sprintf("%6d", t.Line+i)
		text := p.fit(strings.ReplaceAll(strings.TrimRight(string(line), "\r\n"), "\t", "    "), 9)
		if i == 0 {
			text = p.paint(bold, text)
		}
		p.line("  " + p.paint(dim, number+" "+p.mark("│", "|")) + " " + text)
	}
}

// fit returns one line of somebody else's text, cut to what is left beside an
// indent where the reader is a person.
func (p *printer) fit(text string, indent int) string {
	text = Safe(text, false)
	if !p.Terminal {
		return text
	}
	return p.cut(text, max(20, p.width()-indent))
}

// calls prints a call stack, innermost first; of a deep one its beginning, and
// its end in the hook.
func (p *printer) calls(stack []phased.Frame, hook phased.Text, most int) {
	type row struct{ function, place string }
	var rows []row
	wide := 0
	for i, f := range stack {
		if left := len(stack) - most; left > 0 && i >= most-2 && i < len(stack)-1 {
			if i == most-2 {
				rows = append(rows, row{"", p.paint(dim, count(left+1, "more call"))})
			}
			continue
		}
		r := row{Name(f.Function), position(f.File, f.Line)}
		if f.Function == "source" && f.File == hook {
			r.function = "the hook"
		}
		wide = max(wide, columns(r.function))
		rows = append(rows, r)
	}
	for i, r := range rows {
		name := ""
		if i == 0 {
			name = "called from"
		}
		if r.function == "" {
			p.fact(name, r.place)
			continue
		}
		p.fact(name, pad(r.function, min(wide, 30))+"  "+r.place)
	}
}

// variables prints the variables that a line uses: a row each, or, where it is
// to be brief, as many a row as there is room for, in three rows.
func (p *printer) variables(all []phased.Variable, e extent) {
	const indent, gap = 15, "   "
	type row struct {
		text string
		upTo int // of all, in this row and those above
	}
	var rows []row
	for i, v := range all {
		text := p.variable(v, indent)
		n := len(rows) - 1
		if n >= 0 && e.brief && p.Terminal && columns(rows[n].text)+len(gap)+columns(text) <= p.width()-indent {
			rows[n] = row{rows[n].text + gap + text, i + 1}
			continue
		}
		rows = append(rows, row{text, i + 1})
	}
	if n := e.variables; len(rows) > n {
		rows = append(rows[:n-1], row{p.paint(dim, count(len(all)-rows[n-2].upTo, "more variable")), 0})
	}
	for i, r := range rows {
		name := ""
		if i == 0 {
			name = "with"
		}
		p.fact(name, r.text)
	}
}

// variable prints NAME=value, or in words why there is no value.
func (p *printer) variable(v phased.Variable, indent int) string {
	name := Name(v.Name)
	if v.Value == nil {
		return name + " is not set"
	}
	if v.Value.Unset {
		return name + " is declared, without a value"
	}
	return name + "=" + p.value(phased.ChangeVariable, v.Value, p.room(indent+columns(name)+1))
}

// room returns the columns beside an indent, 0 (no limit) where the reader is
// no person.
func (s Style) room(indent int) int {
	if !s.Terminal {
		return 0
	}
	return max(20, s.width()-indent)
}

// briefOutput prints the last lines of the failed hook's output, or where it
// went.
func (p *printer) briefOutput(st Story) {
	phase, hook, ok := Subject(st.Run)
	h := st.Run.Hook(phase, hook)
	if !ok || h == nil {
		return
	}
	tail := st.Tail
	tail.Lines = slices.Clone(tail.Lines[max(0, len(tail.Lines)-ReportTail):])
	tail.Total, tail.Elided = 0, false
	switch {
	case len(tail.Lines) > 0:
		for i := range tail.Lines {
			tail.Lines[i].Text = p.fit(tail.Lines[i].Text, 4-p.width())
		}
		p.line("")
		p.tail(tail)
	case st.Run.Start.Output == "inherited":
		p.fact("output", p.outputPlace(st.Run, *h))
	default:
		p.fact("output", "none")
	}
}

// outputPlace tells in a line where the output of a hook went that was not
// captured: its stderr, where it wrote to that.
func (p *printer) outputPlace(r phased.Run, h phased.HookRun) string {
	for _, fd := range []int{2, 1} {
		for _, from := range h.Files {
			for _, to := range h.Ends {
				if from.FD == fd && to.FD == fd && from.Path == to.Path && to.Offset > from.Offset {
					return fmt.Sprintf("tail -c +%d %s | head -c %d", from.Offset+1, ShellWord(string(from.Path)), to.Offset-from.Offset)
				}
			}
		}
	}
	if len(h.Ends) > 0 {
		return "none was written to " + Name(h.Ends[0].Path)
	}
	return "not recorded: " + descriptors(r.Start.Inherited)
}
