package web

import (
	"fmt"
	"strconv"
	"strings"

	"phased/internal/phased"
	"phased/internal/report"
)

// hookFacts tells what there is to know of a hook that was started, by name.
func hookFacts(words report.Page, run *phased.Run, h *phased.HookRun) []report.Fact {
	var all []report.Fact
	add := func(name, text string) {
		if text != "" {
			all = append(all, report.Fact{Name: name, Text: text})
		}
	}
	add("file", report.Name(h.Path))
	if len(h.Args) > 0 {
		add("arguments", words.Words(h.Args))
	}
	if h.Status != phased.StatusSkipped {
		add("started", h.Began.UTC().Format("2006-01-02 15:04:05.000 UTC")+", "+report.Took(max(0, h.Began.Sub(run.Began)))+" into the run")
	}
	if h.Pid > 0 {
		add("process", strconv.Itoa(h.Pid))
	}
	if h.Timeout > 0 {
		add("time limit", words.Limit(h.Timeout))
	}
	add("locks", report.Safe(strings.Join(h.Locks, ", "), false))
	if u := h.Usage; u != nil {
		add("CPU", report.Took(u.User+u.System)+" ("+report.Took(u.User)+" user, "+report.Took(u.System)+" system)")
		if n := max(u.Memory, u.MaxRSS); n > 0 {
			add("memory", "at most "+report.Size(n))
		}
		if u.Read+u.Written > 0 {
			add("storage", report.Size(u.Read)+" read, "+report.Size(u.Written)+" written")
		}
		if u.Tasks > 0 {
			add("tasks", fmt.Sprintf("at most %d processes and threads at a time", u.Tasks))
		}
	}
	if h.Out+h.Err > 0 {
		add("wrote", report.Size(h.Out)+" to stdout, "+report.Size(h.Err)+" to stderr")
	}
	if h.Dropped > 0 {
		add("left out", report.Size(h.Dropped)+" of its output is not on record")
	}
	return all
}

// options tells the options in force, as far as the record has them.
func (s *Server) options(b *hookBody) []report.Fact {
	e := b.Entry
	if e == nil {
		return nil
	}
	words := s.words()
	var all []report.Fact
	add := func(name, text string) {
		if text != "" {
			all = append(all, report.Fact{Name: name, Text: report.Safe(text, false)})
		}
	}
	if e.Verdict != phased.VerdictRun {
		add("verdict", string(e.Verdict))
	}
	add("detail", e.Detail)
	add("number", e.Number)
	if e.Root != "" {
		add("hook tree", report.Name(e.Root))
	}
	add("plugin", e.Plugin)
	add("mode", e.Mode)
	add("content", e.Digest)
	if e.Timeout != 0 {
		add("timeout", e.Timeout.String())
	}
	add("frequency", string(e.Frequency))
	add("leak", string(e.Leak))
	if e.Retries > 0 {
		text := strconv.Itoa(e.Retries)
		if e.Backoff > 0 {
			text += ", backoff " + words.Limit(e.Backoff)
		}
		add("retries", text)
	}
	add("lock", strings.Join(e.Locks, ", "))
	add("when", strings.Join(e.When, ", "))
	add("allow-exit", figures(e.AllowExit))
	add("skip-exit", figures(e.SkipExit))
	add("inputs", texts(e.Inputs))
	add("secret", texts(e.Secrets))
	return all
}

// explain returns the command that tells where the options of a hook come from, by
// file and line: the record has no more than what they are.
func (s *Server) explain(b *hookBody, run *phased.Run) string {
	if b.Entry == nil || run.Session != nil || run.Start.Personality != "" {
		return ""
	}
	return s.words().Command(append(append([]string{"plan"}, samePlan(&run.Start)...), "--explain", b.Phase+"/"+string(b.Hook))...)
}

// Where settings and hooks are that nobody has to name.
const (
	usualSettings = "/etc/phased/phased.yaml"
	usualBase     = "/etc/phased"
)

// samePlan returns the arguments of phased plan that make the plan of what a run ran, of
// executed hooks.
func samePlan(r *phased.RunStarted) []string {
	args := []string{r.Lifecycle}
	if r.Settings != "" && r.Settings != usualSettings {
		args = append(args, "--config", string(r.Settings))
	}
	// Of several trees the settings tell; --base is for one.
	if len(r.Roots) == 1 && r.Roots[0] == r.Base && r.Base != usualBase {
		args = append(args, "--base", string(r.Base))
	}
	return args
}

func figures(all []int) string {
	words := make([]string, len(all))
	for i, n := range all {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ", ")
}

func texts(all []phased.Text) string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = report.Name(t)
	}
	return strings.Join(words, ", ")
}
