package web

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// rowWriter makes the tables of a run's hooks, each with all that is to be known of
// it at a glance.
type rowWriter struct {
	markup
	v     *view
	words report.Page
	usual func(phase string, hook phased.Text) (phased.Usual, bool) // nil: nothing is known
	link  func(phase string, hook phased.Text) string               // nil: rows are no links
}

// rowID is the id of a hook's row, which a page that is live replaces.
func rowID(phase, row int) string { return "row-" + strconv.Itoa(phase) + "-" + strconv.Itoa(row) }

// phaseID is the id of a phase's section.
func phaseID(phase int) string { return "phase-" + strconv.Itoa(phase) }

// longPhase is the number of hooks from which on the table of a phase is folded
// where all went well.
const longPhase = 200

// phases writes the section of every phase.
func (w *rowWriter) phases() template.HTML {
	w.open("div", "id", "run-phases")
	for i := range w.v.Run.Phases {
		w.phase(i)
	}
	w.close("div")
	w.notEntered()
	return w.html()
}

// notEntered names the phases that are planned and were not entered.
func (w *rowWriter) notEntered() {
	entered := map[string]bool{}
	for i := range w.v.Run.Phases {
		entered[w.v.Run.Phases[i].Phase] = true
	}
	var names []string
	for _, name := range w.v.Run.Start.Phases {
		if !entered[name] {
			names = append(names, report.Safe(name, false))
		}
	}
	what := "Not entered: "
	if !w.v.Run.Status.Final() {
		what = "Not entered yet: "
	}
	if len(names) == 0 {
		what = ""
	}
	w.element("p", what+strings.Join(names, ", "), "class", "quiet", "id", "not-entered")
}

// phase writes a phase: its heading and its table.
func (w *rowWriter) phase(i int) {
	id := phaseID(i)
	w.open("section", "id", id, "class", "hooks", "aria-labelledby", id+"-head")
	w.head(i)
	rows := w.v.Rows[i]
	switch {
	case len(rows) > longPhase:
		w.toLookAt(i)
		w.open("details")
		w.element("summary", fmt.Sprintf("All %d hooks of %s", len(rows), w.phaseName(i)))
		w.table(i, "All hooks of phase "+w.phaseName(i), "", nil)
		w.close("details")
	case len(rows) > 0:
		w.table(i, "Hooks of phase "+w.phaseName(i), "", nil)
	}
	w.close("section")
}

// toLookAt writes those hooks of a long phase that a reader should look at, or says
// that there are none, or too many.
func (w *rowWriter) toLookAt(i int) {
	n := 0
	for _, row := range w.v.Rows[i] {
		if w.remarkable(row) {
			n++
		}
	}
	w.open("div", "id", phaseID(i)+"-look")
	left := longPhase
	if n > 0 {
		w.table(i, "Hooks of phase "+w.phaseName(i)+" to look at", "look-", func(r hookRow) bool {
			if left > 0 && w.remarkable(r) {
				left--
				return true
			}
			return false
		})
	}
	if n > longPhase {
		w.element("p", fmt.Sprintf("and %d more to look at", n-longPhase), "class", "quiet")
	}
	w.close("div")
}

func (w *rowWriter) phaseName(i int) string { return report.Safe(w.v.Run.Phases[i].Phase, false) }

// head writes the heading of a phase with what there is to say of the whole of it.
func (w *rowWriter) head(i int) {
	p := &w.v.Run.Phases[i]
	w.open("div", "id", phaseID(i)+"-head", "class", "phase-head")
	w.open("h2")
	w.text(w.phaseName(i))
	w.close("h2")
	w.status(p.Status)
	var words []string
	switch {
	case p.Failure:
		words = append(words, "failure phase")
	case p.When == phased.WhenSuccess:
		words = append(words, "success phase")
	case p.When == phased.WhenAlways:
		words = append(words, "always runs")
	}
	n := len(w.v.Rows[i])
	switch {
	case p.Status == phased.StatusSkipped:
		words = append(words, w.words.Line(p.Reason))
	case p.Missing:
		words = append(words, "no directory")
	case n == 0:
		words = append(words, "nothing to run")
	case n == 1:
		words = append(words, "1 hook")
	default:
		words = append(words, strconv.Itoa(n)+" hooks")
	}
	if p.Took > 0 {
		words = append(words, report.Took(p.Took))
	}
	if p.Parallel != "" {
		words = append(words, "hooks of one number run together")
	}
	w.element("span", strings.Join(words, ", "), "class", "quiet")
	w.list(w.words.PhaseNotes(*p), "notes warn")
	if text := w.words.Passed(*p); text != "" {
		w.element("p", text, "class", "notes quiet")
	}
	w.close("div")
}

// status writes a status as a word that has its colour.
func (w *rowWriter) status(s phased.Status) {
	w.element("span", statusWord(s), "class", "status "+string(s))
}

func (w *rowWriter) list(lines []string, class string) {
	if len(lines) == 0 {
		return
	}
	w.open("ul", "class", class)
	for _, l := range lines {
		w.element("li", l)
	}
	w.close("ul")
}

// remarkable reports whether a reader should look at a hook.
func (w *rowWriter) remarkable(row hookRow) bool {
	last := row.Last()
	if last == nil || last.Status == phased.StatusSkipped {
		return false
	}
	return last.Status != phased.StatusSucceeded || last.Slow != nil || len(last.Warnings) > 0 || len(row.Attempts) > 1 || len(last.LeftBehind) > 0
}

// table writes the hooks of a phase that are chosen.
func (w *rowWriter) table(phase int, caption, prefix string, chosen func(hookRow) bool) {
	w.open("div", "class", "scroll", "tabindex", "0", "role", "region", "aria-label", caption)
	w.open("table", "class", "hooks")
	w.element("caption", caption, "class", "unseen")
	w.open("thead")
	w.open("tr")
	for _, name := range []string{"Hook", "Status", "Took", "Usually", "Wrote"} {
		w.element("th", name, "scope", "col")
	}
	w.close("tr", "thead")
	w.open("tbody")
	for j, row := range w.v.Rows[phase] {
		if chosen == nil || chosen(row) {
			w.row(phase, j, prefix)
		}
	}
	w.close("tbody", "table", "div")
}

// row writes one hook.
func (w *rowWriter) row(phase, j int, prefix string) {
	row := w.v.Rows[phase][j]
	last := row.Last()
	class := ""
	if last == nil || last.Status == phased.StatusSkipped {
		class = "passed"
	}
	w.open("tr", "id", prefix+rowID(phase, j), "class", class)
	w.open("th", "scope", "row")
	w.name(phase, j)
	w.notes(phase, row)
	w.close("th")
	w.open("td")
	w.how(row)
	w.close("td")
	w.element("td", w.took(row), "class", "figure")
	w.element("td", w.usually(phase, row), "class", "figure")
	w.element("td", wrote(last), "class", "figure")
	w.close("tr")
}

func (w *rowWriter) name(phase, j int) {
	row := w.v.Rows[phase][j]
	address := ""
	if w.link != nil {
		address = w.link(w.v.Run.Phases[phase].Phase, row.Name)
	}
	name := hookName(row.Name)
	if address == "" {
		w.element("span", name, "class", "hook")
	} else {
		w.element("a", name, "class", "hook", "href", address)
	}
	if w.v.on[[2]int{phase, j}] && len(w.v.Critical) < len(w.v.All) {
		w.element("span", "critical path", "class", "tag")
	}
}

// notes writes what there is to know of a hook beside its figures.
func (w *rowWriter) notes(phase int, row hookRow) {
	for _, h := range row.Attempts[:max(0, len(row.Attempts)-1)] {
		w.element("p", w.v.attempt(h), "class", "notes quiet")
	}
	last := row.Last()
	if last == nil {
		if row.Due {
			w.element("p", w.words.DueText(w.v.Run.Phases[phase], row.Name), "class", "notes quiet")
		}
		return
	}
	warn, quiet := w.words.HookNotes(*w.v.Run, *last)
	w.list(warn, "notes warn")
	w.list(quiet, "notes quiet")
	if last.Run != "" {
		w.open("p", "class", "notes quiet")
		w.text("is ")
		if w.link == nil {
			w.text("run " + report.ShortID(last.Run))
		} else {
			w.element("a", "run "+report.ShortID(last.Run), "href", runAddress(last.Run))
		}
		w.close("p")
	}
}

// how writes how a hook stands.
func (w *rowWriter) how(row hookRow) {
	last := row.Last()
	if last == nil {
		w.element("span", "not run", "class", "quiet")
		return
	}
	status := last.Status
	if last.Ignored {
		w.element("span", "ignored", "class", "status stopped")
	} else {
		w.status(status)
	}
	if last.Exit != nil && !last.Exit.OK() {
		w.element("div", report.ExitText(*last.Exit), "class", "quiet")
	}
}

// took tells how long a hook took, all its attempts and pauses together.
func (w *rowWriter) took(row hookRow) string {
	last := row.Last()
	switch {
	case last == nil || last.Status == phased.StatusSkipped:
		return ""
	case last.Exit != nil && len(row.Attempts) == 1:
		return report.Took(last.Took)
	case last.Exit != nil:
		return report.Took(row.end(w.v.Run, w.v.Now)-row.began(w.v.Run)) + " in all"
	case last.Status == phased.StatusRunning:
		return report.About(max(0, w.v.Now-max(0, last.Began.Sub(w.v.Run.Began)))) + " so far"
	}
	return ""
}

func (w *rowWriter) usually(phase int, row hookRow) string {
	if w.usual == nil {
		return ""
	}
	u, known := w.usual(w.v.Run.Phases[phase].Phase, row.Name)
	if !known {
		return ""
	}
	return report.Took(u.P50)
}

// wrote tells how much a hook wrote.
func wrote(h *phased.HookRun) string {
	if h == nil || h.Out+h.Err == 0 {
		return ""
	}
	text := report.Size(h.Out + h.Err)
	switch {
	case h.Out == 0:
		return text + " err"
	case h.Err > 0:
		return text + ", " + report.Size(h.Err) + " err"
	}
	return text
}

// pathHook is one of the hooks that made a run as long as it is.
type pathHook struct {
	Phase string
	Hook  phased.Text
	Took  time.Duration
	Share string
}

// longest returns the hooks of the critical path that took longest, how many more
// there are, and the time in which none of them ran.
func (v *view) longest(most int) (hooks []pathHook, more int, between time.Duration) {
	order := append([]int(nil), v.Critical...)
	total := v.length()
	between = total
	for _, i := range order {
		between -= v.All[i].took()
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(v.All[b].took() - v.All[a].took()) })
	for n, i := range order {
		if n == most {
			more = len(order) - n
			break
		}
		s := v.All[i]
		hooks = append(hooks, pathHook{
			v.Run.Phases[s.phase].Phase, v.Rows[s.phase][s.hook].Name, s.took(), fmt.Sprintf("%.0f %%", 100*float64(s.took())/float64(total)),
		})
	}
	return hooks, more, max(0, between)
}
