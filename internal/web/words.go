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
		"took":      report.Took,
		"size":      report.Size,
		"name":      report.Name,
		"safe":      func(text string) string { return report.Safe(text, false) },
		"exit":      report.ExitText,
		"failure":   report.FailureText,
		"short":     report.ShortID,
		"time":      func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"machine":   func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"status":    statusWord,
		"untrusted": report.PlanUntrusted,
		"about":     report.About,
		"date":      func(t time.Time) string { return t.UTC().Format("2006-01-02") },
		"clock":     func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"choice":    func(name, chosen string, offered []string) choice { return choice{name, chosen, offered} },
	}
}

// statusWord is how a status is written.
func statusWord(s phased.Status) string {
	if s == "" {
		return "unknown"
	}
	return string(s)
}

// choice is a field of a form with what it offers.
type choice struct {
	Name    string
	Chosen  string
	Offered []string
}
