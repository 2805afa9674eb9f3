package phased

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// PublishedVersion is the major version of what `phased plan --publish` writes.
// Readers refuse a newer one; fields may be added without changing it.
const PublishedVersion = 1

// Published is a plan that was written down for others to read: what would run,
// and what `phased check` found, at one moment. It holds no secrets.
type Published struct {
	V        int       `json:"v"`
	Time     time.Time `json:"t"`
	Host     string    `json:"host"`
	Version  string    `json:"version"` // phased's
	User     string    `json:"user"`
	SudoUser string    `json:"sudo_user,omitempty"` // who called sudo
	Plan     Plan      `json:"plan"`
	// Options are those of single entries, which their headers or rules of the
	// settings gave, with where each came from.
	Options []EntryOptions `json:"options,omitempty"`
	// Refused says that what Plan has as untrusted lets no run begin.
	Refused  bool      `json:"refused,omitempty"`
	Findings []Finding `json:"findings"`
	// FindingsMore is how many more there were.
	FindingsMore int `json:"findings_more,omitempty"`
}

// EntryOptions are the options that one entry has of its own.
type EntryOptions struct {
	Path    Text     `json:"path"`
	Options []Origin `json:"options"`
}

// PublishedPlan is a published plan as it was found.
type PublishedPlan struct {
	Key  string // of its lifecycle and base: see PlanKey
	File string // where it lies
	// Err says why it cannot be shown; nil: it can.
	Err error
	Published
}

// PlanKey names what can have one published plan: a lifecycle and a base.
func PlanKey(lifecycle string, base Text) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%d:%s", len(lifecycle), lifecycle, len(base), base))
	return hex.EncodeToString(sum[:8])
}

// Bounds of what is published.
const (
	maxFindings    = 5000
	maxFindingText = 2000
)

// NewPublished returns a plan and its findings as they may be published: every
// text is cleaned of secrets, users and passwords in URLs are hidden, what is
// too much is left out and counted.
func NewPublished(p Plan, findings []Finding, clean func(string) string) Published {
	c := cleaning{clean: func(s string) string { return withoutUserinfo(clean(s)) }}
	c.text = func(t Text) Text { return Text(c.clean(string(t))) }
	pub := Published{V: PublishedVersion, Findings: []Finding{}}
	for i, f := range findings {
		if i == maxFindings {
			pub.FindingsMore = len(findings) - i
			break
		}
		f.File, f.Message, f.Cure = c.text(f.File), shortened(c.clean(f.Message)), shortened(c.clean(f.Cure))
		pub.Findings = append(pub.Findings, f)
	}
	for _, ph := range append(p.AllPhases(), environment(p)...) {
		for _, e := range ph.Entries {
			if len(e.Options) > 0 {
				pub.Options = append(pub.Options, EntryOptions{c.text(e.Path), c.origins(e.Options)})
			}
		}
	}
	pub.Plan = c.plan(p)
	return pub
}

func environment(p Plan) []PlannedPhase {
	if p.Environment == nil {
		return nil
	}
	return []PlannedPhase{*p.Environment}
}

// shortened cuts a text that is too long.
func shortened(text string) string {
	if len(text) <= maxFindingText {
		return text
	}
	n := maxFindingText
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}

// withoutUserinfo hides who logs in, and with what, in the URLs of a text.
func withoutUserinfo(text string) string {
	const slashes = "://"
	i := strings.Index(text, slashes)
	if i < 0 {
		return text
	}
	var b strings.Builder
	for ; i >= 0; i = strings.Index(text, slashes) {
		i += len(slashes)
		b.WriteString(text[:i])
		text = text[i:]
		end := strings.IndexAny(text, "/?# \t\n\"'<>")
		if end < 0 {
			end = len(text)
		}
		if at := strings.LastIndexByte(text[:end], '@'); at > 0 {
			b.WriteString("[secret]")
			text = text[at:]
		}
	}
	b.WriteString(text)
	return b.String()
}

// plan cleans every text of a plan, but for the words that phased itself gives.
func (c cleaning) plan(p Plan) Plan {
	p.Surroundings.Env = c.texts(p.Surroundings.Env)
	p.Surroundings.Dir = c.text(p.Surroundings.Dir)
	p.Settings = c.text(p.Settings)
	p.Origins = c.origins(p.Origins)
	p.Phases = slices.Clone(p.Phases)
	for i := range p.Phases {
		p.Phases[i] = c.planned(p.Phases[i])
	}
	if p.Failure != nil {
		f := c.planned(*p.Failure)
		p.Failure = &f
	}
	if p.Environment != nil {
		e := c.planned(*p.Environment)
		p.Environment = &e
	}
	p.RebootExits = slices.Clone(p.RebootExits)
	p.Untrusted = slices.Clone(p.Untrusted)
	for i := range p.Untrusted {
		u := &p.Untrusted[i]
		u.Path, u.At, u.What, u.Cure = c.text(u.Path), c.text(u.At), c.clean(u.What), c.clean(u.Cure)
	}
	p.Session = c.session(p.Session)
	return p
}

func (c cleaning) planned(p PlannedPhase) PlannedPhase {
	p.Entries = c.phase(PhaseStarted{Entries: p.Entries}).Entries
	for i := range p.Entries {
		e := &p.Entries[i]
		e.Inputs, e.Plugin = c.texts(e.Inputs), c.clean(e.Plugin)
	}
	p.Dirs, p.Files, p.Args = c.texts(p.Dirs), c.texts(p.Files), c.texts(p.Args)
	p.Rules = nil // what they give stands at the entries
	return p
}

func (c cleaning) origins(all []Origin) []Origin {
	all = slices.Clone(all)
	for i := range all {
		all[i].Value, all[i].From = c.clean(all[i].Value), c.clean(all[i].From)
	}
	return all
}

func (c cleaning) session(s *Session) *Session {
	if s == nil {
		return nil
	}
	clean := *s
	clean.Localrc = ""
	clean.Name, clean.TopDir, clean.Conf, clean.Options = c.text(s.Name), c.text(s.TopDir), c.text(s.Conf), c.strings(s.Options)
	clean.Plugins = slices.Clone(s.Plugins)
	for i := range clean.Plugins {
		p := &clean.Plugins[i]
		p.Name, p.Source, p.Ref, p.Dir, p.Requires = c.clean(p.Name), c.text(p.Source), c.clean(p.Ref), c.text(p.Dir), c.strings(p.Requires)
	}
	return &clean
}

// ParsePublished reads what was published, of this format or an older one.
func ParsePublished(text []byte) (Published, error) {
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Published{}, err
	}
	if head.V > PublishedVersion {
		return Published{}, fmt.Errorf("it was written by a newer phased, in format %d; this one reads up to %d", head.V, PublishedVersion)
	}
	var p Published
	if err := json.Unmarshal(text, &p); err != nil {
		return Published{}, err
	}
	if p.V < 1 || p.Plan.Lifecycle == "" || p.Time.IsZero() {
		return Published{}, fmt.Errorf("it is no published plan: v, t and a lifecycle are needed")
	}
	return p, nil
}
