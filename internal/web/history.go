package web

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// History is what other runs of the same lifecycle and base tell of the hooks of a
// run.
type History interface {
	// Usual returns what a hook takes as a rule; false: too little is known.
	Usual(phase string, hook phased.Text) (phased.Usual, bool)
	// Past returns the last times that a hook ended by itself or at a time limit,
	// the oldest first, at most 50.
	Past(phase string, hook phased.Text) []Past
}

// Past is how long a hook took in one run.
type Past struct {
	Run    string
	Began  time.Time // of the run
	Took   time.Duration
	Failed bool
}

// The measures of the chart, in pixels.
const (
	chartHigh = 150
	chartTop  = 16
	chartFoot = 18
)

// chart draws how long a hook took in its last runs, with lines at p50 and p95.
func chart(past []Past, u phased.Usual, known bool, run string) template.HTML {
	if len(past) == 0 {
		return ""
	}
	var m markup
	most := time.Millisecond
	for _, p := range past {
		most = max(most, p.Took)
	}
	if known {
		most = max(most, u.P95)
	}
	most += most / 10
	body := float64(chartHigh - chartTop - chartFoot)
	y := func(d time.Duration) float64 { return chartTop + body*(1-float64(d)/float64(most)) }
	m.open("svg", "class", "chart", "role", "img", "aria-label", chartText(past, u, known), "width", "100%", "height", number(chartHigh))
	step := 100 / float64(max(len(past), 25))
	for i, p := range past {
		class := "bar ok"
		if p.Failed {
			class = "bar failed"
		}
		if p.Run == run {
			class += " this"
		}
		x := float64(i) * step
		m.open("rect", "class", class, "x", percent(x+step*.12), "width", percent(step*.76), "y", number(y(p.Took)), "height", number(max(1, chartTop+body-y(p.Took))))
		m.element("title", pastText(p, run))
		m.close("rect")
		if p.Failed {
			m.element("text", "✗", "class", "mark failed", "x", percent(x+step/2), "y", number(max(11, y(p.Took)-3)), "text-anchor", "middle")
		}
		if p.Run == run {
			m.element("text", "▲", "class", "mark this", "x", percent(x+step/2), "y", number(chartHigh-4), "text-anchor", "middle")
		}
	}
	if known {
		levels := []struct {
			name string
			at   time.Duration
		}{{"p95", u.P95}, {"p50", u.P50}}
		last := -100.0
		for _, l := range levels {
			at := y(l.at)
			m.open("line", "class", "level", "x1", "0", "x2", "100%", "y1", number(at), "y2", number(at))
			m.close("line")
			last = max(at-4, last+13)
			m.element("text", l.name+" "+report.Took(l.at), "class", "tick", "x", "100%", "y", number(last), "text-anchor", "end")
		}
	}
	m.close("svg")
	return m.html()
}

// chartText tells in a line what a chart shows.
func chartText(past []Past, u phased.Usual, known bool) string {
	failed := 0
	low, high := past[0].Took, past[0].Took
	for _, p := range past {
		low, high = min(low, p.Took), max(high, p.Took)
		if p.Failed {
			failed++
		}
	}
	text := fmt.Sprintf("The last %d times: from %s to %s", len(past), report.Took(low), report.Took(high))
	if failed > 0 {
		text += fmt.Sprintf(", %d of them failed", failed)
	}
	if known {
		text += fmt.Sprintf("; p50 %s, p95 %s", report.Took(u.P50), report.Took(u.P95))
	}
	return text
}

func pastText(p Past, run string) string {
	text := p.Began.UTC().Format("2006-01-02 15:04:05") + ": " + report.Took(p.Took)
	if p.Failed {
		text += ", failed"
	}
	if p.Run == run {
		text += ", this run"
	}
	return text
}

// newestFirst is the order of the table below the chart.
func newestFirst(past []Past) []Past {
	past = slices.Clone(past)
	slices.Reverse(past)
	return past
}
