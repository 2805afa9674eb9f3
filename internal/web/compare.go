package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// Bounds of what a comparison shows.
const (
	maxChoices   = 50
	maxPlanRows  = 200
	maxTimeRows  = 100
	maxTimesFull = 20_000
)

// compareBody is two runs side by side.
type compareBody struct {
	A, B      phased.Summary
	Facts     []compareFact
	Same      []string // names of facts that are the same
	Plan      []planDifference
	PlanMore  int
	PlanSame  bool // by the digest
	Times     []timeRow
	TimesMore int
	All       bool // every hook's time was asked for
	Space     []spaceRow
	SpaceMore int
	Spaces    bool // either has one on record
	Partial   bool
	Hook      *compareHook
	Swap      string // address of the same with the sides changed
	Address   string // of this comparison, without a hook
	Hidden    bool   // digits are hidden
	Damage    []string
}

// compareFact is something else that two runs have.
type compareFact struct{ Name, A, B string }

// compareHook is one hook in both runs.
type compareHook struct {
	Phase   string
	Name    phased.Text
	Time    timeRow
	Changes []spaceRow
	More    int
	Output  outputDiff
	Digits  string // address with digits hidden, or shown
	Hidden  bool
}

// HookAddress returns where one hook is compared.
func (b compareBody) HookAddress(phase string, hook phased.Text) string {
	v := url.Values{"a": {b.A.ID}, "b": {b.B.ID}, "phase": {phase}, "hook": {string(hook)}}
	return "/compare?" + v.Encode() + "#hook"
}

// PageOf returns where the page of a hook in one of the runs is.
func (b compareBody) PageOf(r phased.Summary, phase string, hook phased.Text) string {
	return hookAddress(r.ID, phase, hook)
}

// chooseBody is the form that asks which runs to compare.
type chooseBody struct {
	Runs   []phased.Summary
	A, B   string
	More   int
	Reason string
}

// comparePage shows two runs side by side, or asks which.
func (s *Server) comparePage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	wordA, wordB := strings.TrimSpace(q.Get("a")), strings.TrimSpace(q.Get("b"))
	if wordA == "" && wordB == "" {
		return s.choosePage(w, r, "", "", "", false)
	}
	sides, err := s.pair(r.Context(), wordA, wordB)
	switch e := (*statusError)(nil); {
	case errors.Is(err, phased.ErrNoRun):
		return s.choosePage(w, r, wordA, wordB, "There is no such run on record: it may have been pruned.", false)
	case errors.As(err, &e):
		return s.choosePage(w, r, wordA, wordB, e.message, e.code == http.StatusOK)
	case err != nil:
		return err
	}
	body, err := s.compare(r.Context(), sides, q)
	if err != nil {
		return err
	}
	title := "Compare " + report.ShortID(body.A.ID) + " and " + report.ShortID(body.B.ID)
	return s.show(w, http.StatusOK, "compare.html", page{Title: title, Here: "compare", Body: body})
}

// sides are the two runs of a comparison.
type sides struct {
	a, b   phased.Run
	damage []string // why only the beginning of one is compared
}

// pair returns the two runs; for one that is not named, the run of the same
// lifecycle and base before the other.
func (s *Server) pair(ctx context.Context, wordA, wordB string) (p sides, err error) {
	if wordB == "" {
		wordA, wordB = "", wordA
	}
	var damage string
	if p.b, damage, err = s.runNamed(ctx, wordB); err != nil {
		return p, err
	}
	p.add(p.b, damage)
	if wordA == "" {
		runs, err := s.Source.Runs(ctx)
		if err != nil {
			return p, fmt.Errorf("cannot read the record: %w", err)
		}
		if wordA = before(runs, *summaryOf(p.b)); wordA == "" {
			return p, noneBefore("Run %s has none of the same lifecycle and base before it. Choose another.", report.ShortID(p.b.ID))
		}
	}
	if p.a, damage, err = s.runNamed(ctx, wordA); err != nil {
		return p, err
	}
	p.add(p.a, damage)
	return p, nil
}

func (p *sides) add(r phased.Run, damage string) {
	if damage != "" {
		p.damage = append(p.damage, "Run "+report.ShortID(r.ID)+" is compared only up to this: "+damage)
	}
}

// before returns the newest run of the same that began before one; "": none did.
func before(runs []phased.Summary, of phased.Summary) string {
	seen := false
	for _, r := range runs {
		if seen && r.Lifecycle == of.Lifecycle && r.Base == of.Base && r.Personality == of.Personality {
			return r.ID
		}
		seen = seen || r.ID == of.ID
	}
	return ""
}

// noneBefore is no mistake: the first run of its kind has none before it.
func noneBefore(format string, args ...any) error {
	return &statusError{http.StatusOK, fmt.Sprintf(format, args...)}
}

// choosePage asks which two runs to compare: the newest two of the same are chosen
// where nothing else is. reason says why it asks; none, that nothing is wrong with
// what was asked for.
func (s *Server) choosePage(w http.ResponseWriter, r *http.Request, a, b, reason string, none bool) error {
	runs, err := s.Source.Runs(r.Context())
	if err != nil {
		return fmt.Errorf("cannot read the record: %w", err)
	}
	body := chooseBody{A: a, B: b, Reason: reason}
	if b == "" {
		body.A, body.B = "", a
	}
	for i := 0; i < len(runs) && body.B == ""; i++ {
		if first := before(runs, runs[i]); first != "" {
			body.A, body.B = first, runs[i].ID
		}
	}
	body.Runs, body.More = cut(runs, maxChoices)
	code := http.StatusOK
	if reason != "" && !none {
		code = http.StatusNotFound
	}
	return s.show(w, code, "comparechoose.html", page{Title: "Compare two runs", Here: "compare", Body: body})
}

// compare makes the comparison.
func (s *Server) compare(ctx context.Context, p sides, q url.Values) (compareBody, error) {
	a, b := p.a, p.b
	body := compareBody{A: *summaryOf(a), B: *summaryOf(b), Damage: p.damage, All: q.Get("times") == "all", Hidden: q.Get("digits") == "hidden"}
	body.Address = "/compare?" + url.Values{"a": {a.ID}, "b": {b.ID}}.Encode()
	body.Swap = "/compare?" + url.Values{"a": {b.ID}, "b": {a.ID}}.Encode()
	body.Facts, body.Same = compareFacts(a, b)
	body.PlanSame = a.Start.PlanDigest != "" && a.Start.PlanDigest == b.Start.PlanDigest
	body.Plan, body.PlanMore = cut(comparePlans(ofRun(a), ofRun(b)), maxPlanRows)
	rows := compareTimes(a, b)
	most := maxTimeRows
	if body.All {
		most = maxTimesFull
	}
	body.Times, body.TimesMore = cut(rows, most)
	spaceA, err := s.space(ctx, a)
	if err != nil {
		return body, err
	}
	spaceB, err := s.space(ctx, b)
	if err != nil {
		return body, err
	}
	body.Spaces, body.Partial = len(spaceA.end)+len(spaceB.end) > 0, spaceA.partial || spaceB.partial
	body.Space, body.SpaceMore = compareSpaces(spaceA, spaceB)
	k := hookKey{q.Get("phase"), phased.Text(q.Get("hook"))}
	if k.hook == "" {
		return body, nil
	}
	i := slices.IndexFunc(rows, func(r timeRow) bool { return r.Phase == k.phase && r.Hook == k.hook })
	if i < 0 {
		return body, notFound("Neither run has a hook %s.", report.Hook(k.phase, k.hook))
	}
	h := compareHook{Phase: k.phase, Name: k.hook, Time: rows[i], Hidden: body.Hidden}
	h.Changes, h.More = compareChanges(spaceA.byHook[k], spaceB.byHook[k])
	v := url.Values{"a": {a.ID}, "b": {b.ID}, "phase": {k.phase}, "hook": {string(k.hook)}}
	if !body.Hidden {
		v.Set("digits", "hidden")
	}
	h.Digits = "/compare?" + v.Encode() + "#hook"
	if h.Output, err = s.outputs(ctx, a, b, k, body.Hidden); err != nil {
		return body, err
	}
	body.Hook = &h
	return body, nil
}

func failureWords(r phased.Run) string {
	if r.Failure == nil {
		return ""
	}
	return report.FailureText(*r.Failure)
}

// compareFacts tells what else differs, and names what does not.
func compareFacts(a, b phased.Run) (differ []compareFact, same []string) {
	differ, same = differing(factsOf(a, b))
	env, _ := differing(environmentFacts(a.Start.Surroundings, b.Start.Surroundings))
	return append(differ, env...), same
}

// differing returns the facts that differ, and the names of those that do not.
func differing(all []compareFact) (differ []compareFact, same []string) {
	for _, f := range all {
		switch {
		case f.A != f.B:
			f.A, f.B = report.Safe(f.A, false), report.Safe(f.B, false)
			differ = append(differ, f)
		case f.A != "":
			same = append(same, f.Name)
		}
	}
	return differ, same
}

func factsOf(a, b phased.Run) []compareFact {
	of := func(name string, fact func(phased.Run) string) compareFact {
		return compareFact{name, fact(a), fact(b)}
	}
	return []compareFact{
		of("status", func(r phased.Run) string { return statusWord(r.Status) }),
		of("cause", failureWords),
		of("exit code", func(r phased.Run) string { return fmt.Sprint(r.ExitCode) }),
		of("hooks", func(r phased.Run) string {
			ran, failed := r.Counts()
			return fmt.Sprintf("%d of %s ran, %d failed", ran, report.Count(r.Start.Hooks, "hook"), failed)
		}),
		of("lifecycle", func(r phased.Run) string { return r.Start.Lifecycle }),
		of("base", func(r phased.Run) string { return report.Name(r.Start.Base) }),
		of("hook trees", func(r phased.Run) string { return names(r.Start.Roots) }),
		of("settings", func(r phased.Run) string { return string(r.Start.Settings) }),
		of("plan digest", func(r phased.Run) string { return r.Start.PlanDigest[:min(16, len(r.Start.PlanDigest))] }),
		of("came in as", func(r phased.Run) string { return r.Start.Personality }),
		of("host", func(r phased.Run) string { return r.Start.Host }),
		of("boot", func(r phased.Run) string { return r.Start.BootID[:min(8, len(r.Start.BootID))] }),
		of("phased", func(r phased.Run) string { return r.Start.Version }),
		of("user", func(r phased.Run) string { return fmt.Sprintf("%s (%d)", cmp.Or(r.Start.User, "?"), r.Start.UID) }),
		of("called sudo", func(r phased.Run) string { return r.Start.SudoUser }),
		of("command", func(r phased.Run) string { return report.CommandWords(r.Start.Argv) }),
		of("trigger", func(r phased.Run) string { return string(r.Start.Trigger) }),
		of("started by", func(r phased.Run) string {
			if r.Start.Caller == nil {
				return ""
			}
			return string(r.Start.Caller.Command)
		}),
		of("resumes", func(r phased.Run) string { return report.ShortID(r.Start.Resumes) }),
		of("inside of", func(r phased.Run) string { return report.ShortID(r.Start.Parent) }),
		of("output", func(r phased.Run) string { return r.Start.Output }),
		of("containment", containmentWords),
		of("shell", func(r phased.Run) string {
			if r.Session == nil {
				return ""
			}
			return "bash " + r.Session.Bash + " " + strings.Join(r.Session.Options, ",")
		}),
		of("starts with", func(r phased.Run) string {
			s := r.Start.Surroundings
			return fmt.Sprintf("directory %s, umask %03o, stdin %s", cmp.Or(string(s.Dir), "the caller's"), max(s.Umask, 0), s.Stdin)
		}),
	}
}

func containmentWords(r phased.Run) string {
	if r.Start.Containment == nil {
		return ""
	}
	return fmt.Sprint(r.Start.Containment.Mode)
}

func names(all []phased.Text) string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = report.Name(t)
	}
	return strings.Join(words, ", ")
}

// environmentFacts tells each variable that hooks start with.
func environmentFacts(a, b phased.Surroundings) []compareFact {
	of := func(s phased.Surroundings) (map[string]string, []string) {
		values, order := map[string]string{}, []string{}
		for _, v := range s.Env {
			name, value, _ := strings.Cut(string(v), "=")
			values[name] = value
			order = append(order, name)
		}
		return values, order
	}
	x, first := of(a)
	y, second := of(b)
	all := slices.Concat(first, second)
	slices.Sort(all)
	var facts []compareFact
	shown := func(values map[string]string, name string) string {
		v, set := values[name]
		if !set {
			return "not set"
		}
		const most = 400
		if v = report.Safe(v, false); len(v) > most {
			v = v[:most] + "…"
		}
		return v
	}
	for _, name := range slices.Compact(all) {
		facts = append(facts, compareFact{"environment " + report.Name(phased.Text(name)), shown(x, name), shown(y, name)})
	}
	return facts
}

// Since tells how much longer or shorter the second run took; "": that tells
// nothing, since they did not end alike.
func (b compareBody) Since() string {
	text := ratio(b.A.Took, b.B.Took)
	switch {
	case b.A.Status != b.B.Status:
		return ""
	case text == "":
		return "about as long"
	}
	return text
}

// Apart tells how long after the first run the second one began.
func (b compareBody) Apart() string {
	d := b.B.Began.Sub(b.A.Began)
	if d < 0 {
		return report.About(-d) + " earlier"
	}
	if d < time.Second {
		return report.Took(d) + " later"
	}
	return report.About(d.Truncate(time.Second)) + " later"
}
