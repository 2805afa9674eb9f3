package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"phased/internal/config"
	"phased/internal/devstack"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/state"
	"phased/internal/trust"
)

// publication is what `phased plan --publish` prints as JSON.
type publication struct {
	File     string      `json:"file"`
	Base     phased.Text `json:"base"`
	Digest   string      `json:"digest,omitempty"`
	Findings int         `json:"findings"`
}

// runPublish is `phased plan --publish`: the plan, with what a check finds, for
// whoever may read the runs.
func runPublish(ctx context.Context, w *World, o *planOptions) error {
	o.inputs, o.faulty = true, true // faults are findings
	settings, p, err := o.makePlan(ctx, w, &o.places, nil, o.lifecycle)
	if err != nil {
		return err
	}
	p, refused, err := o.places.judged(settings, p)
	if err != nil {
		return err
	}
	clean, err := publishedWithout(w, settings, p)
	if err != nil {
		return err
	}
	findings := plan.Check(p, plan.CheckOptions{Refused: refused})
	pub := phased.NewPublished(shownPlan(settings, p), findings, clean)
	facts := startFacts(w, settings, p)
	pub.Time, pub.Refused = time.Now().UTC().Truncate(time.Second), refused && len(p.Untrusted) > 0
	pub.Host, pub.Version, pub.User, pub.SudoUser = facts.Host, facts.Version, facts.User, facts.SudoUser
	plans, err := o.plans(w, settings, true)
	if err != nil {
		return err
	}
	file, err := plans.Publish(pub)
	if _, untrusted := errors.AsType[*trust.Problem](err); untrusted {
		return &failure{exitTrust, err}
	}
	if err != nil {
		return broken("cannot publish the plan: %v", err)
	}
	if o.json {
		return report.JSON(w.Stdout, publication{file, p.Base, p.Digest, len(findings)})
	}
	return report.Published(w.Stdout, w.style(false, o.places.again()), pub, file)
}

// publishedWithout returns what takes the secrets out of what is published: those
// that a run of the plan would know when it starts.
func publishedWithout(w *World, s *config.Settings, p phased.Plan) (func(string) string, error) {
	set, err := secretSet(s, p)
	if err != nil {
		return nil, err
	}
	if _, err := hookSecrets(set, p); err != nil {
		return nil, err
	}
	if p.Session != nil {
		for _, a := range devstack.Assigned(p.Session.Localrc, w.Environ) {
			set.Learn(a.Name, a.Value)
		}
	}
	return set.Clean, nil
}

// plans returns the published plans; create makes the state directory.
func (o *planOptions) plans(w *World, s *config.Settings, create bool) (state.Plans, error) {
	dir, err := o.places.dir(w, s)
	if err != nil {
		return state.Plans{}, err
	}
	anyOwner := o.places.anyOwner(s)
	if create { // with the owner, the group and the trust that runs have
		if _, err := journal.Open(dir, journal.Options{Create: true, AnyOwner: anyOwner}); err != nil {
			return state.Plans{}, notOpened(err)
		}
	}
	plans := state.NewPlans(dir)
	plans.AnyOwner = anyOwner
	return plans, nil
}

// runUnpublish is `phased plan --unpublish`: it takes away what was published of
// the lifecycle, also where its hooks are gone.
func runUnpublish(ctx context.Context, w *World, o *planOptions) error {
	settings, err := o.places.settings(w)
	if err != nil {
		return err
	}
	plans, err := o.plans(w, settings, false)
	if err != nil {
		return err
	}
	lifecycle, base := orText(o.lifecycle, "refresh"), phased.Text("")
	o.faulty = true
	p, planErr := o.planBy(ctx, w, settings, nil, o.lifecycle)
	if planErr == nil {
		lifecycle, base = p.Lifecycle, p.Base
	} else if o.base != "" {
		base = phased.Text(absolute(o.base))
	}
	all, err := plans.All()
	if err != nil {
		return broken("%v", err)
	}
	var file string
	for _, pub := range all {
		if pub.Err == nil && pub.Plan.Lifecycle == lifecycle && (base == "" || pub.Plan.Base == base) {
			if file, err = plans.Unpublish(lifecycle, pub.Plan.Base); err != nil {
				break
			}
			if _, err := fmt.Fprintf(w.Stdout, "removed %s\n", file); err != nil {
				return broken("cannot write: %v", err)
			}
		}
	}
	if _, untrusted := errors.AsType[*trust.Problem](err); untrusted {
		return &failure{exitTrust, err}
	}
	if err != nil {
		return broken("cannot remove the published plan: %v", err)
	}
	if file == "" {
		w.talk("no plan of %s is published in %s", lifecycle, plans.Dir())
	}
	return nil
}
