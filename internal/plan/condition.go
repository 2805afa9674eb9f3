package plan

import (
	"fmt"
	"slices"
	"strings"

	"phased/internal/phased"
)

// WaitsFor returns what a hook waits for: names of notifications, and patterns of
// files, of which one is enough.
func WaitsFor(e phased.Entry) (names []string, patterns []phased.Text) {
	for _, w := range e.When {
		_, what, _ := strings.Cut(w, ":")
		switch {
		case strings.HasPrefix(what, "/"):
			patterns = append(patterns, phased.Text(what))
		case !slices.Contains(names, what):
			names = append(names, what)
		}
	}
	return names, patterns
}

// WaitedFor returns the files that a hook waits for to change, as they are now. Its
// error is an Errors.
func WaitedFor(e phased.Entry) ([]phased.Input, error) {
	_, patterns := WaitsFor(e)
	if len(patterns) == 0 {
		return nil, nil
	}
	return Inputs(phased.Entry{Path: e.Path, HookOptions: phased.HookOptions{Inputs: patterns}})
}

// Pending returns those of the notifications that a hook waits for and has not
// served.
func Pending(e phased.Entry, all []phased.Notification, was phased.Served) []phased.Notification {
	names, _ := WaitsFor(e)
	return slices.DeleteFunc(slices.Clone(all), func(n phased.Notification) bool {
		return !slices.Contains(names, n.Name) || slices.Contains(was.IDs, n.ID)
	})
}

// Condition judges a hook that waits for something: by what is pending for it, and
// by the files that it waits for, as they were when it last ended well and as they
// are now. reason is that of hook.skipped, "" where it runs, and message says why.
func Condition(e phased.Entry, pending []phased.Notification, was, is []phased.Input) (reason, message string) {
	names, patterns := WaitsFor(e)
	if len(pending) > 0 {
		return "", NotifiedText(pending)
	}
	if file := InputsChanged(was, is); file != "" {
		return "", "changed: " + file
	}
	const alike = " is as it was"
	switch {
	case len(patterns) == 0:
		return phased.SkippedNotNotified, "nothing has notified " + orList(names)
	case len(names) == 0:
		return phased.SkippedNotChanged, orList(words(patterns)) + alike
	}
	return phased.SkippedNotNotified, "nothing has notified " + orList(names) + ", and " + orList(words(patterns)) + alike
}

// NotifiedText tells what was notified and by whom: notified nginx:
// configure/20-render, 30-certs.
func NotifiedText(pending []phased.Notification) string {
	var names []string
	for _, n := range pending {
		if !slices.Contains(names, n.Name) {
			names = append(names, n.Name)
		}
	}
	parts := make([]string, len(names))
	for i, name := range names {
		var who []string
		phase := ""
		for _, n := range pending {
			if n.Name != name {
				continue
			}
			text := string(n.Hook)
			if n.Phase != phase {
				text, phase = n.Phase+"/"+text, n.Phase
			}
			switch {
			case n.Hook == "" && n.Run == "":
				text = "by hand"
			case n.Hook == "":
				text = "a hook of run " + n.Run
			}
			who = append(who, text)
		}
		const most = 8
		if len(who) > most {
			who = append(who[:most], fmt.Sprintf("and %d more", len(who)-most))
		}
		parts[i] = "notified " + name + ": " + strings.Join(who, ", ")
	}
	return strings.Join(parts, "; ")
}

// Waiters returns the hooks of the phases that wait for a name.
func Waiters(phases []phased.PlannedPhase, name string) []HookAt {
	var all []HookAt
	for _, ph := range phases {
		for _, e := range ph.Entries {
			if e.Verdict != phased.VerdictRun || len(e.When) == 0 {
				continue
			}
			if names, _ := WaitsFor(e); slices.Contains(names, name) {
				all = append(all, HookAt{ph.Name, e.Name})
			}
		}
	}
	return all
}

// HookAt is a hook of a phase.
type HookAt struct {
	Phase string
	Hook  phased.Text
}

func words(all []phased.Text) []string {
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = string(t)
	}
	return out
}

func orList(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// Awaited returns the names of notifications that hooks of the phases wait for.
func Awaited(phases []phased.PlannedPhase) []string {
	var all []string
	for _, ph := range phases {
		for _, e := range ph.Hooks() {
			names, _ := WaitsFor(e)
			all = append(all, names...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
