package phased

import "slices"

// Cleaned returns a copy of a payload in which every text that a hook, its files
// or its failure gave was cleaned: names and paths of hooks, arguments, messages,
// traces. What captured output and variable spaces hold is cleaned where it comes
// from, and the names that the settings give (lifecycles, phases, hook trees) are
// nobody's secret: these are left as they are.
func Cleaned(p Payload, clean func(string) string) Payload {
	c := cleaning{func(t Text) Text { return Text(clean(string(t))) }, clean}
	switch p := p.(type) {
	case RunStarted:
		p.Argv = c.texts(p.Argv)
		p.Surroundings.Env = c.texts(p.Surroundings.Env)
		p.Trigger = Text(clean(string(p.Trigger)))
		if p.Caller != nil {
			p.Caller = &Caller{p.Caller.Pid, Text(clean(string(p.Caller.Command)))}
		}
		return p
	case RunFailed:
		return RunFailed{*c.failure(&p.Failure)}
	case RunWarning:
		return RunWarning{clean(p.Message)}
	case RunFinished:
		p.Failure = c.failure(p.Failure)
		return p
	case SessionStarted:
		p.Lost = slices.Clone(p.Lost)
		for i, l := range p.Lost {
			p.Lost[i] = clean(l)
		}
		return p
	case SessionEnded:
		p.Exit.Message = clean(p.Exit.Message)
		return p
	case RunWaiting:
		p.Why, p.Next = clean(p.Why), clean(p.Next)
		p.Requests = slices.Clone(p.Requests)
		for i := range p.Requests {
			p.Requests[i].Hook = c.text(p.Requests[i].Hook)
		}
		return p
	case PhaseStarted:
		return c.phase(p)
	case PhaseSkipped:
		p.Message = clean(p.Message)
		return p
	}
	return c.hook(p)
}

type cleaning struct {
	text  func(Text) Text
	clean func(string) string
}

// hook cleans what is told of one hook.
func (c cleaning) hook(p Payload) Payload {
	switch p := p.(type) {
	case HookStarted:
		p.Hook, p.Path, p.Args, p.Why = c.text(p.Hook), c.text(p.Path), c.texts(p.Args), c.clean(p.Why)
		p.Locks = c.strings(p.Locks)
		return p
	case HookOutput:
		p.Hook = c.text(p.Hook)
		return p
	case HookProgress:
		p.Hook = c.text(p.Hook)
		return p
	case HookCut:
		p.Hook = c.text(p.Hook)
		return p
	case HookSignalled:
		p.Hook, p.Reason = c.text(p.Hook), c.clean(p.Reason)
		return p
	case HookSlow:
		p.Hook = c.text(p.Hook)
		return p
	case HookSkipped:
		p.Hook, p.Path, p.Message = c.text(p.Hook), c.text(p.Path), c.clean(p.Message)
		return p
	case HookFinished:
		p.Hook, p.Exit.Message, p.Trace = c.text(p.Hook), c.clean(p.Exit.Message), c.trace(p.Trace)
		p.LeftBehind = slices.Clone(p.LeftBehind)
		for i := range p.LeftBehind {
			p.LeftBehind[i].Command = c.text(p.LeftBehind[i].Command)
		}
		return p
	case HookWarning:
		p.Hook, p.Message, p.File = c.text(p.Hook), c.clean(p.Message), c.text(p.File)
		return p
	case HookSummary:
		p.Hook, p.Text = c.text(p.Hook), c.text(p.Text)
		return p
	case HookNotified:
		p.Hook, p.Names = c.text(p.Hook), c.strings(p.Names)
		return p
	case SpaceChanged:
		p.Hook = c.text(p.Hook)
		return p
	}
	return p
}

func (c cleaning) phase(p PhaseStarted) PhaseStarted {
	p.Dirs = c.texts(p.Dirs)
	p.Entries = slices.Clone(p.Entries)
	for i := range p.Entries {
		e := &p.Entries[i]
		e.Name, e.Path, e.Detail, e.Args = c.text(e.Name), c.text(e.Path), c.clean(e.Detail), c.texts(e.Args)
		e.Locks, e.When, e.Secrets = c.strings(e.Locks), c.strings(e.When), c.texts(e.Secrets)
	}
	p.Differences = slices.Clone(p.Differences)
	for i := range p.Differences {
		d := &p.Differences[i]
		d.Name, d.Was, d.Is = c.text(d.Name), c.clean(d.Was), c.clean(d.Is)
	}
	return p
}

func (c cleaning) texts(all []Text) []Text {
	all = slices.Clone(all)
	for i := range all {
		all[i] = c.text(all[i])
	}
	return all
}

func (c cleaning) strings(all []string) []string {
	all = slices.Clone(all)
	for i := range all {
		all[i] = c.clean(all[i])
	}
	return all
}

func (c cleaning) failure(f *Failure) *Failure {
	if f == nil {
		return nil
	}
	clean := *f
	clean.Hook, clean.Path, clean.Exit.Message, clean.Trace = c.text(f.Hook), c.text(f.Path), c.clean(f.Exit.Message), c.trace(f.Trace)
	return &clean
}

func (c cleaning) trace(t *Trace) *Trace {
	if t == nil {
		return nil
	}
	clean := *t
	clean.File, clean.Command, clean.Source = c.text(t.File), c.text(t.Command), c.texts(t.Source)
	clean.Stack = slices.Clone(t.Stack)
	for i := range clean.Stack {
		clean.Stack[i].File, clean.Stack[i].Function = c.text(clean.Stack[i].File), c.text(clean.Stack[i].Function)
	}
	clean.Variables = slices.Clone(t.Variables)
	for i := range clean.Variables {
		if v := clean.Variables[i].Value; v != nil {
			cleaned := *v
			cleaned.Text = c.text(v.Text)
			clean.Variables[i].Value = &cleaned
		}
	}
	return &clean
}
