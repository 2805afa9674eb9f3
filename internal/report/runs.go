package report

import (
	"io"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
)

// Runs prints the history, newest first: one run a line under a heading. For
// people the lines are cut to the width, otherwise every column is there in
// full, "-" where it is empty.
func Runs(w io.Writer, s Style, runs []phased.Summary) error {
	p := newPrinter(w, s)
	rows := [][]string{{"RUN", "BEGAN", "TOOK", "STATUS", "RAN", "FAILED", "LIFECYCLE", "BASE", "CAUSE"}}
	for _, r := range runs {
		rows = append(rows, p.runRow(r))
	}
	if s.Terminal {
		rows = p.narrow(rows)
	}
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], columns(cell))
		}
	}
	for i, row := range rows {
		var b strings.Builder
		for j, cell := range row {
			shown := cell
			if s.Terminal && j == len(row)-1 {
				shown = p.cut(cell, max(10, s.width()-columns(b.String())))
			}
			switch {
			case i == 0:
				shown = p.paint(dim, shown)
			case rows[0][j] == "STATUS":
				shown = p.paint(statusColour(runs[i-1].Status), shown)
			}
			b.WriteString(pad(shown, wide[j]) + "  ")
		}
		p.line(b.String())
	}
	return p.flush()
}

func (p *printer) runRow(r phased.Summary) []string {
	took := p.took(r.Took)
	if !r.Status.Final() {
		took = "-"
		if !p.Now.IsZero() && !r.Began.IsZero() {
			took = p.took(p.Now.Sub(r.Began).Truncate(time.Second))
		}
	}
	lifecycle := r.Lifecycle
	if r.Personality != "" {
		lifecycle = r.Personality
	}
	cause := "-"
	if r.Lifecycle == "" && r.Began.IsZero() {
		cause = "its record cannot be read"
	}
	if r.Failure != nil {
		cause = FailureText(*r.Failure)
	}
	if mark := p.kinship(r); mark != "" {
		cause = strings.TrimPrefix(cause+"; "+mark, "-; ")
	}
	base := "-"
	if r.Base != "" {
		base = Name(r.Base)
	}
	began := "-"
	if !r.Began.IsZero() {
		began = p.minute(r.Began)
	}
	status := string(r.Status)
	if status == "" {
		status = "unknown"
	}
	if lifecycle == "" {
		lifecycle = "-"
	}
	return []string{p.id(r.ID), began, took, status, strconv.Itoa(r.Ran), strconv.Itoa(r.Failed), lifecycle, base, cause}
}

// kinship tells of which other run a run is a part or the continuation.
func (p *printer) kinship(r phased.Summary) string {
	switch {
	case r.Parent != "":
		return "inside " + p.id(r.Parent)
	case r.Resumes != "":
		return "resumes " + p.id(r.Resumes)
	case r.From != "":
		return "from " + p.id(r.From)
	}
	return ""
}

// narrow leaves columns out until the rest has room for people: the base where
// it is the same in all rows, then the numbers of
// hooks, the lifecycle, the time taken.
func (p *printer) narrow(rows [][]string) [][]string {
	if same(rows, "BASE") {
		rows = without(rows, "BASE")
	}
	for i := range rows {
		for j := range rows[i] {
			if rows[i][j] == "-" {
				rows[i][j] = ""
			}
		}
	}
	for _, column := range []string{"BASE", "RAN", "FAILED", "LIFECYCLE", "TOOK"} {
		sum := 0
		for j := range len(rows[0]) - 1 {
			wide := 0
			for _, row := range rows {
				wide = max(wide, columns(row[j]))
			}
			sum += wide + 2
		}
		if sum+20 <= p.width() {
			break
		}
		rows = without(rows, column)
	}
	return rows
}

func columnOf(rows [][]string, name string) int {
	for j, c := range rows[0] {
		if c == name {
			return j
		}
	}
	return -1
}

func same(rows [][]string, name string) bool {
	j := columnOf(rows, name)
	for i := 2; i < len(rows); i++ {
		if rows[i][j] != rows[1][j] {
			return false
		}
	}
	return true
}

func without(rows [][]string, name string) [][]string {
	j := columnOf(rows, name)
	if j < 0 {
		return rows
	}
	out := make([][]string, len(rows))
	for i, row := range rows {
		out[i] = append(append([]string(nil), row[:j]...), row[j+1:]...)
	}
	return out
}
