package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// staleAfter is the age from which a published plan is told to be old.
const staleAfter = 24 * time.Hour

// planRow is what is known of the plan of one lifecycle and base.
type planRow struct {
	Key       string
	Title     string
	Lifecycle string
	Base      phased.Text
	Published *phased.PublishedPlan
	Counts    string // of what was published
	Findings  string
	Worst     string
	Age       string
	Old       bool
	Run       *phased.Summary // the newest
}

// plansBody is the list of plans.
type plansBody struct {
	Rows    []planRow
	Damaged []phased.PublishedPlan
}

// published returns what was published; none where nothing can be.
func (s *Server) published(ctx context.Context) ([]phased.PublishedPlan, error) {
	if s.Published == nil {
		return nil, nil
	}
	return s.Published(ctx)
}

// plansPage lists what was published, and what has run.
func (s *Server) plansPage(w http.ResponseWriter, r *http.Request) error {
	body, err := s.plans(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, http.StatusOK, "plans.html", page{Title: "Plans", Here: "plans", Body: body})
}

func (s *Server) plans(ctx context.Context) (body plansBody, err error) {
	pubs, err := s.published(ctx)
	if err != nil {
		return body, err
	}
	runs, err := s.Source.Runs(ctx)
	if err != nil {
		return body, fmt.Errorf("cannot read the record: %w", err)
	}
	rows := map[string]*planRow{}
	for i, p := range pubs {
		if p.Err != nil {
			body.Damaged = append(body.Damaged, p)
			continue
		}
		row := &planRow{
			Key: p.Key, Lifecycle: p.Plan.Lifecycle, Base: p.Plan.Base, Published: &pubs[i], Counts: planCounts(p.Plan),
			Findings: report.FindingCounts(p.Findings, p.FindingsMore), Worst: worst(p.Findings), Age: report.Ago(s.Now(), p.Time), Old: s.Now().Sub(p.Time) > staleAfter,
		}
		rows[p.Key] = row
	}
	for i, r := range runs {
		if r.Lifecycle == "" { // a file that cannot be read
			continue
		}
		key := phased.PlanKey(r.Lifecycle, r.Base)
		if rows[key] == nil {
			rows[key] = &planRow{Key: key, Lifecycle: r.Lifecycle, Base: r.Base}
		}
		if rows[key].Run == nil {
			rows[key].Run = &runs[i]
		}
	}
	for _, row := range rows {
		row.Title = report.RunTitle(row.Lifecycle, row.Base)
		body.Rows = append(body.Rows, *row)
	}
	slices.SortFunc(body.Rows, func(a, b planRow) int {
		return cmp.Or(cmp.Compare(a.Lifecycle, b.Lifecycle), cmp.Compare(a.Base, b.Base))
	})
	return body, nil
}

func planCounts(p phased.Plan) string {
	hooks, steps := report.PlanCounts(p)
	text := report.Count(hooks, "hook")
	if steps > 0 {
		text += " and " + report.Count(steps, "base step")
	}
	return text + " in " + report.Count(len(p.Phases), "phase")
}

// worst returns the worst severity of findings that is worth a colour.
func worst(all []phased.Finding) string {
	w := ""
	for _, f := range all {
		switch f.Severity {
		case phased.SeverityError:
			return string(f.Severity)
		case phased.SeverityWarning:
			w = string(f.Severity)
		}
	}
	return w
}

// planBody is the page of one plan.
type planBody struct {
	Earlier bool // a run of the same began before this one
	planView
	Title     string
	Digest    string
	Address   string // of the page, without a filter
	Show      string
	Published *phased.PublishedPlan // nil: it is what a run recorded
	Age       string
	Old       bool
	Run       *phased.Summary // whose plan it is, or the newest of the same
	Untrusted []phased.Untrusted
	Refused   bool
	// Drift is how the newest run was about another plan.
	Drift     []planDifference
	DriftMore int
	DriftEnv  []compareFact
	Drifted   bool
	Damage    string // why the record is shown only up to some place
	Back, On  string // addresses of the pages before and behind
}

// Filters are what of the plan can be shown, with how much there is of it.
func (b planBody) Filters() []filterLink {
	return []filterLink{
		{"everything", b.Address, b.Show == showAll, b.Runs + b.Skipped},
		{"runs", b.Address + "?show=run", b.Show == showRun, b.Runs},
		{"is skipped", b.Address + "?show=skipped", b.Show == showSkipped, b.Skipped},
		{"has findings", b.Address + "?show=findings", b.Show == showFindings, b.Problems},
	}
}

// filterLink is a link to a part of a list.
type filterLink struct {
	Name    string
	Address string
	Here    bool
	Count   int
}

// fill makes the part of the body that every plan has.
func (b *planBody) fill(p planned, address string, q url.Values) error {
	show := q.Get("show")
	if !slices.Contains([]string{showAll, showRun, showSkipped, showFindings}, show) {
		return badRequest("show=%s: expected run, skipped or findings", show)
	}
	from, err := strconv.Atoi(cmp.Or(q.Get("from"), "0"))
	if err != nil || from < 0 {
		return badRequest("from=%s: expected a number", q.Get("from"))
	}
	from -= from % planWindow
	b.planView, b.Title, b.Digest = p.view(show, from), report.RunTitle(p.plan.Lifecycle, p.plan.Base), p.plan.Digest
	b.Address, b.Show, b.Untrusted = address, show, p.plan.Untrusted
	to := func(n int) string {
		v := url.Values{}
		if show != "" {
			v.Set("show", show)
		}
		v.Set("from", strconv.Itoa(n))
		return address + "?" + v.Encode()
	}
	if from > 0 {
		b.Back = to(from - planWindow)
	}
	if b.Of > from+planWindow {
		b.On = to(from + planWindow)
	}
	return nil
}

// planPage shows one published plan. Where none is, it leads to what the newest
// run recorded.
func (s *Server) planPage(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("plan")
	all, err := s.plans(r.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all.Rows, func(row planRow) bool { return row.Key == key })
	if i < 0 {
		if bad := slices.IndexFunc(all.Damaged, func(p phased.PublishedPlan) bool { return p.Key == key }); bad >= 0 {
			return fmt.Errorf("cannot show %s: %w", all.Damaged[bad].File, all.Damaged[bad].Err)
		}
		return notFound("There is no such plan: nothing was published of it, and it has not run.")
	}
	row := all.Rows[i]
	if row.Published == nil {
		http.Redirect(w, r, "/runs/"+url.PathEscape(row.Run.ID)+"/plan", http.StatusSeeOther)
		return nil
	}
	b := planBody{Published: row.Published, Age: row.Age, Old: row.Old, Refused: row.Published.Refused, Run: row.Run}
	p := ofPublished(row.Published.Published)
	if err := b.fill(p, "/plans/"+key, r.URL.Query()); err != nil {
		return err
	}
	if err := s.drift(r.Context(), &b, p); err != nil {
		return err
	}
	return s.show(w, http.StatusOK, "plan.html", page{Title: "Plan: " + b.Title, Here: "plans", Body: b})
}

// drift looks whether the newest run was about the plan.
func (s *Server) drift(ctx context.Context, b *planBody, p planned) error {
	if b.Run == nil {
		return nil
	}
	start, err := s.started(ctx, b.Run.ID)
	if err != nil || start.PlanDigest == "" || start.PlanDigest == p.plan.Digest {
		return ignoreGone(err)
	}
	run, err := s.Source.Run(ctx, b.Run.ID)
	if err != nil {
		return ignoreGone(err)
	}
	b.Drifted = true
	b.Drift, b.DriftMore = cut(comparePlans(p.entered(run), ofRun(run)), 20)
	env, _ := differing(environmentFacts(p.plan.Surroundings, run.Start.Surroundings))
	b.DriftEnv, _ = cut(env, 20)
	return nil
}

// entered returns the plan without the phases that a run has not entered.
func (p planned) entered(run phased.Run) planned {
	in := map[string]bool{}
	for _, ph := range run.Phases {
		in[ph.Phase] = ph.Status != phased.StatusSkipped
	}
	p.plan.Environment = nil
	p.plan.Phases = slices.DeleteFunc(p.plan.AllPhases(), func(ph phased.PlannedPhase) bool { return !in[ph.Name] })
	p.plan.Failure = nil
	return p
}

// ignoreGone takes the error away of a run that was pruned meanwhile, or whose
// record cannot be read.
func ignoreGone(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// started returns the first event of a run.
func (s *Server) started(ctx context.Context, id string) (phased.RunStarted, error) {
	for e, err := range s.Source.Follow(ctx, id, 0) {
		if err != nil {
			return phased.RunStarted{}, err
		}
		start, _ := e.Data.(phased.RunStarted)
		return start, nil
	}
	return phased.RunStarted{}, phased.ErrNoRun
}

// runPlanPage shows the plan of a run as far as it is on record.
func (s *Server) runPlanPage(w http.ResponseWriter, r *http.Request) error {
	run, damage, err := s.runNamed(r.Context(), r.PathValue("run"))
	if err != nil {
		return err
	}
	b := planBody{Run: summaryOf(run), Damage: damage}
	if err := b.fill(ofRun(run), "/runs/"+url.PathEscape(run.ID)+"/plan", r.URL.Query()); err != nil {
		return err
	}
	pubs, err := s.published(r.Context())
	if err != nil {
		return err
	}
	key := phased.PlanKey(run.Start.Lifecycle, run.Start.Base)
	for i := range pubs {
		if pubs[i].Err == nil && pubs[i].Key == key {
			b.Published, b.Age = &pubs[i], report.Ago(s.Now(), pubs[i].Time)
			b.Drifted = pubs[i].Plan.Digest != run.Start.PlanDigest
		}
	}
	runs, err := s.Source.Runs(r.Context())
	if err != nil {
		return fmt.Errorf("cannot read the record: %w", err)
	}
	b.Earlier = before(runs, *b.Run) != ""
	return s.show(w, http.StatusOK, "runplan.html", page{Title: "Plan of run " + report.ShortID(run.ID), Here: "plans", Body: b})
}

// runNamed returns the run that a word of an address means. damage says why only the
// beginning of it could be read; "": all of it was.
func (s *Server) runNamed(ctx context.Context, word string) (r phased.Run, damage string, err error) {
	id := word
	if s.Resolve != nil {
		id, err = s.Resolve(ctx, word)
	}
	if err != nil && !errors.Is(err, phased.ErrNoRun) && ctx.Err() == nil {
		err = badRequest("%v", err)
	}
	if err != nil {
		return r, "", err
	}
	r, err = s.Source.Run(ctx, id)
	if err != nil && r.Seq > 0 && ctx.Err() == nil {
		return r, err.Error(), nil
	}
	return r, "", err
}

func summaryOf(r phased.Run) *phased.Summary {
	return &phased.Summary{
		ID: r.ID, Lifecycle: r.Start.Lifecycle, Base: r.Start.Base, Personality: r.Start.Personality, Status: r.Status, Began: r.Began, Ended: r.Ended, Took: r.Took,
		ExitCode: r.ExitCode, Failure: r.Failure,
	}
}

// checksBody is the list of findings of all published plans.
type checksBody struct {
	Plans    []planRow
	Findings []checkRow
	Of       int
	Show     string
	Counts   map[string]int
	Damaged  []phased.PublishedPlan
}

// checkRow is a finding, and the plan that it is about.
type checkRow struct {
	findingView
	Plan planRow
}

// maxChecks is how many findings the list shows.
const maxChecks = 500

// checksPage lists the findings of all published plans, the worst first.
func (s *Server) checksPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.plans(r.Context())
	if err != nil {
		return err
	}
	b := checksBody{Show: r.URL.Query().Get("severity"), Counts: map[string]int{}, Damaged: all.Damaged}
	if !slices.Contains([]string{"", string(phased.SeverityError), string(phased.SeverityWarning), string(phased.SeverityInfo)}, b.Show) {
		return badRequest("severity=%s: expected error, warning or info", b.Show)
	}
	var rows []checkRow
	for _, row := range all.Rows {
		if row.Published == nil {
			continue
		}
		b.Plans = append(b.Plans, row)
		for _, list := range ofPublished(row.Published.Published).findingsByPlace() {
			for _, f := range list {
				b.Counts[f.Severity]++
				if b.Show == "" || f.Severity == b.Show {
					rows = append(rows, checkRow{f, row})
				}
			}
		}
	}
	rank := strings.NewReplacer("error", "0", "warning", "1", "info", "2")
	slices.SortFunc(rows, func(x, y checkRow) int {
		return cmp.Or(cmp.Compare(rank.Replace(x.Severity), rank.Replace(y.Severity)), cmp.Compare(x.Plan.Title, y.Plan.Title),
			cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Message, y.Message))
	})
	b.Of = len(rows)
	b.Findings = rows[:min(len(rows), maxChecks)]
	return s.show(w, http.StatusOK, "checks.html", page{Title: "Findings", Here: "plans", Body: b})
}
