package web

import (
	"html/template"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// functions are what pages call: the words of the reports, never others.
func (s *Server) functions() template.FuncMap {
	return template.FuncMap{
		"took":    report.Took,
		"size":    report.Size,
		"name":    report.Name,
		"safe":    func(text string) string { return report.Safe(text, false) },
		"exit":    func(e phased.Exit) string { return report.Safe(report.ExitText(e), false) },
		"failure": func(f phased.Failure) string { return report.Safe(report.FailureText(f), false) },
		"short":   func(id string) string { return report.Safe(report.ShortID(id), false) },
		"time":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"status":  statusWord,
		"about":   report.About,
		"year":    func(t time.Time) string { return t.UTC().Format("2006-") },
		"day":     func(t time.Time) string { return t.UTC().Format("01-02") },
		"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"choice":  func(name, chosen string, offered []string) choice { return choice{name, chosen, offered} },
		"hooklink": func(b runBody, phase string, hook phased.Text) hookLink {
			return hookLink{hookText(phase, hook), b.Link(phase, hook)}
		},
		"hookaddress": hookAddress,
		"untrusted":   report.PlanUntrusted,
	}
}

// statusWord is how a status is written.
func statusWord(s phased.Status) string {
	if s == "" {
		return "unknown"
	}
	return report.Safe(string(s), false)
}

// choice is a field of a form with what it offers.
type choice struct {
	Name    string
	Chosen  string
	Offered []string
}
