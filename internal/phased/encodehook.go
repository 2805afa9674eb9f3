package phased

import "strconv"

// The two events that every hook has are written out: a run waits for them, and
// encoding/json takes 15 us for both, which is more than one in a hundred of
// what a hook takes that does nothing. The tests hold them to the struct tags.

func appendHookStarted(b []byte, d HookStarted) []byte {
	b = appendHookName(b, d.Phase, d.Hook)
	b = append(b, `,"path":`...)
	b = d.Path.appendJSON(b)
	if len(d.Args) > 0 {
		b = append(b, `,"args":`...)
		b = appendTexts(b, d.Args)
	}
	b = append(b, `,"pid":`...)
	b = strconv.AppendInt(b, int64(d.Pid), 10)
	if d.PidStart != 0 {
		b = append(b, `,"pid_start":`...)
		b = strconv.AppendUint(b, d.PidStart, 10)
	}
	b = appendTimeout(b, d.Timeout)
	b = appendNumber(b, "attempt", int64(d.Attempt))
	b = appendStrings(b, "locks", d.Locks)
	b = appendField(b, "why", d.Why)
	b = appendInputs(b, d.Inputs)
	b = appendDescriptors(b, "files", d.Files)
	b = appendField(b, "run", d.Run)
	return append(b, '}')
}

func appendHookFinished(b []byte, d HookFinished) []byte {
	b = appendHookName(b, d.Phase, d.Hook)
	b = append(b, `,"exit":{"cause":`...)
	b = appendString(b, string(d.Exit.Cause))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(d.Exit.Status), 10)
	if d.Exit.Signal != 0 {
		b = append(b, `,"signal":`...)
		b = strconv.AppendInt(b, int64(d.Exit.Signal), 10)
	}
	b = appendField(b, "message", d.Exit.Message)
	b = append(b, `},"took_ns":`...)
	b = strconv.AppendInt(b, int64(d.Took), 10)
	if u := d.Usage; u != nil {
		b = append(b, `,"usage":{"user_ns":`...)
		b = strconv.AppendInt(b, int64(u.User), 10)
		b = append(b, `,"system_ns":`...)
		b = strconv.AppendInt(b, int64(u.System), 10)
		b = appendNumber(b, "max_rss", u.MaxRSS)
		b = appendNumber(b, "memory_peak", u.Memory)
		b = appendNumber(b, "read", u.Read)
		b = appendNumber(b, "written", u.Written)
		b = appendNumber(b, "tasks_peak", u.Tasks)
		b = append(b, '}')
	}
	b = appendNumber(b, "out", d.Out)
	b = appendNumber(b, "err", d.Err)
	b = appendDescriptors(b, "files", d.Files)
	b = appendLeftBehind(b, d)
	b = appendTrue(b, "left", d.Left)
	b = appendTrue(b, "nothing", d.Nothing)
	b = appendTrue(b, "again", d.Again)
	b = appendNumber(b, "pause_ns", int64(d.Pause))
	b = appendTrue(b, "ended", d.Ended)
	b = appendTrue(b, "ignored", d.Ignored)
	if d.Trace != nil {
		b = append(b, `,"trace":`...)
		b, _ = appendAny(b, d.Trace) // text and numbers: cannot fail
	}
	return append(b, '}')
}

func appendLeftBehind(b []byte, d HookFinished) []byte {
	if len(d.LeftBehind) > 0 {
		b = append(b, `,"left_behind":`...)
		for i, p := range d.LeftBehind {
			b = append(b, "[,"[min(i, 1)])
			b = append(b, `{"pid":`...)
			b = strconv.AppendInt(b, int64(p.Pid), 10)
			b = append(b, `,"pid_start":`...)
			b = strconv.AppendUint(b, p.PidStart, 10)
			b = append(b, `,"command":`...)
			b = p.Command.appendJSON(b)
			b = append(b, `,"age_ns":`...)
			b = strconv.AppendInt(b, int64(p.Age), 10)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	b = appendNumber(b, "left_more", int64(d.LeftMore))
	return appendField(b, "leak", string(d.Leak))
}

func appendTrue(b []byte, name string, v bool) []byte {
	if !v {
		return b
	}
	b = append(append(b, `,"`...), name...)
	return append(b, `":true`...)
}

// appendHookName opens the object of a hook's event.
func appendHookName(b []byte, phase string, hook Text) []byte {
	b = append(b, `{"phase":`...)
	b = appendString(b, phase)
	b = append(b, `,"hook":`...)
	return hook.appendJSON(b)
}

func appendTimeout(b []byte, d Duration) []byte {
	if d == 0 {
		return b
	}
	return appendField(b, "timeout", d.String())
}

func appendInputs(b []byte, list []Input) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"inputs":[`...)
	for i, in := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"path":`...)
		b = in.Path.appendJSON(b)
		b = appendField(b, "digest", in.Digest)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendDescriptors(b []byte, name string, list []Descriptor) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, d := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"fd":`...)
		b = strconv.AppendInt(b, int64(d.FD), 10)
		b = append(b, `,"type":`...)
		b = appendString(b, d.Type)
		if d.Path != "" {
			b = append(b, `,"path":`...)
			b = d.Path.appendJSON(b)
		}
		b = appendNumber(b, "offset", d.Offset)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendField appends a string field, unless it is empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

// appendNumber appends a number, unless it is 0.
func appendNumber(b []byte, name string, value int64) []byte {
	if value == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, value, 10)
}

func appendTextsField(b []byte, name string, list []Text) []byte {
	if len(list) == 0 {
		return b
	}
	return appendTexts(append(append(append(b, `,"`...), name...), `":`...), list)
}

func appendStrings(b []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

func appendNumbers(b []byte, name string, list []int) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, ']')
}

func appendTexts(b []byte, list []Text) []byte {
	b = append(b, '[')
	for i, t := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.appendJSON(b)
	}
	return append(b, ']')
}
