package phased

import (
	"strconv"
	"time"
)

// The events that stand before the first hook are written out as well: the
// hook waits for them, and to see a struct for the first time takes
// encoding/json a tenth of a millisecond. The tests hold them to the struct tags.

func appendRunStarted(b []byte, d RunStarted) []byte {
	b = append(b, `{"lifecycle":`...)
	b = appendString(b, d.Lifecycle)
	b = append(b, `,"base":`...)
	b = d.Base.appendJSON(b)
	if len(d.Roots) > 0 {
		b = append(b, `,"roots":`...)
		b = appendTexts(b, d.Roots)
	}
	b = appendTextField(b, "settings", d.Settings)
	b = appendField(b, "plan_digest", d.PlanDigest)
	b = appendField(b, "personality", d.Personality)
	b = append(b, `,"host":`...)
	b = appendString(b, d.Host)
	b = append(b, `,"boot_id":`...)
	b = appendString(b, d.BootID)
	b = append(b, `,"version":`...)
	b = appendString(b, d.Version)
	b = append(b, `,"argv":`...)
	b = appendTextsOrNull(b, d.Argv)
	b = append(b, `,"pid":`...)
	b = strconv.AppendInt(b, int64(d.Pid), 10)
	b = append(b, `,"pid_start":`...)
	b = strconv.AppendUint(b, d.PidStart, 10)
	b = append(b, `,"uid":`...)
	b = strconv.AppendInt(b, int64(d.UID), 10)
	b = appendField(b, "user", d.User)
	b = appendField(b, "sudo_user", d.SudoUser)
	b = appendTextField(b, "trigger", d.Trigger)
	if c := d.Caller; c != nil {
		b = append(b, `,"caller":{"pid":`...)
		b = strconv.AppendInt(b, int64(c.Pid), 10)
		b = append(b, `,"command":`...)
		b = c.Command.appendJSON(b)
		b = append(b, '}')
	}
	b = appendField(b, "parent", d.Parent)
	b = appendField(b, "resumes", d.Resumes)
	b = appendField(b, "from", d.From)
	b = append(b, `,"output":`...)
	b = appendString(b, d.Output)
	b = appendDescriptors(b, "inherited", d.Inherited)
	if c := d.Containment; c != nil {
		b = append(b, `,"containment":{"mode":`...)
		b = appendString(b, c.Mode)
		b = appendField(b, "why", c.Why)
		b = appendTextField(b, "path", c.Path)
		b = append(b, '}')
	}
	b = append(b, `,"surroundings":`...)
	b = appendSurroundings(b, d.Surroundings)
	b = append(b, `,"phases":`...)
	b = appendStringsOrNull(b, d.Phases)
	b = append(b, `,"hooks":`...)
	b = strconv.AppendInt(b, int64(d.Hooks), 10)
	return append(b, '}')
}

func appendPhaseFinished(b []byte, d PhaseFinished) []byte {
	b = append(b, `{"phase":`...)
	b = appendString(b, d.Phase)
	b = append(b, `,"status":`...)
	b = appendString(b, string(d.Status))
	b = append(b, `,"took_ns":`...)
	b = strconv.AppendInt(b, int64(d.Took), 10)
	return append(b, '}')
}

func appendSurroundings(b []byte, s Surroundings) []byte {
	b = append(b, `{"env":`...)
	b = appendTextsOrNull(b, s.Env)
	b = append(b, `,"dir":`...)
	b = s.Dir.appendJSON(b)
	b = append(b, `,"umask":`...)
	b = strconv.AppendInt(b, int64(s.Umask), 10)
	b = append(b, `,"stdin":`...)
	b = appendString(b, s.Stdin)
	return append(b, '}')
}

// appendPhaseStarted fails where the time of a file is none that JSON knows.
func appendPhaseStarted(b []byte, d PhaseStarted) ([]byte, error) {
	b = append(b, `{"phase":`...)
	b = appendString(b, d.Phase)
	if len(d.Dirs) > 0 {
		b = append(b, `,"dirs":`...)
		b = appendTexts(b, d.Dirs)
	}
	b = appendTrue(b, "failure", d.Failure)
	b = appendField(b, "when", string(d.When))
	b = appendField(b, "parallel", string(d.Parallel))
	b = appendTrue(b, "missing", d.Missing)
	b = append(b, `,"entries":`...)
	if d.Entries == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		for i := range d.Entries {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendEntry(b, &d.Entries[i]); err != nil {
				return nil, err
			}
		}
		b = append(b, ']')
	}
	b = appendDifferences(b, d.Differences)
	return append(b, '}'), nil
}

func appendEntry(b []byte, e *Entry) ([]byte, error) {
	b = append(b, `{"name":`...)
	b = e.Name.appendJSON(b)
	b = append(b, `,"path":`...)
	b = e.Path.appendJSON(b)
	b = appendTextField(b, "root", e.Root)
	b = append(b, `,"verdict":`...)
	b = appendString(b, string(e.Verdict))
	b = appendField(b, "detail", e.Detail)
	b = appendField(b, "number", e.Number)
	b = appendField(b, "mode", e.Mode)
	b = appendNumber(b, "size", e.Size)
	b, err := appendTime(b, "mtime", e.ModTime)
	if err != nil {
		return nil, err
	}
	b = appendField(b, "digest", e.Digest)
	if len(e.Args) > 0 {
		b = append(b, `,"args":`...)
		b = appendTexts(b, e.Args)
	}
	b = appendField(b, "plugin", e.Plugin)
	b = appendOptions(b, &e.HookOptions)
	return append(b, '}'), nil
}

func appendOptions(b []byte, o *HookOptions) []byte {
	b = appendTimeout(b, o.Timeout)
	b = appendField(b, "frequency", string(o.Frequency))
	b = appendField(b, "leak", string(o.Leak))
	b = appendTextsField(b, "inputs", o.Inputs)
	b = appendNumber(b, "retries", int64(o.Retries))
	if o.Backoff != 0 {
		b = appendField(b, "backoff", o.Backoff.String())
	}
	b = appendStrings(b, "locks", o.Locks)
	b = appendStrings(b, "when", o.When)
	b = appendNumbers(b, "allow_exit", o.AllowExit)
	b = appendNumbers(b, "skip_exit", o.SkipExit)
	return appendTextsField(b, "secrets", o.Secrets)
}

// appendTime appends a time, unless it is the zero time.
func appendTime(b []byte, name string, t time.Time) ([]byte, error) {
	if t.IsZero() {
		return b, nil
	}
	b = append(append(append(b, `,"`...), name...), `":"`...)
	b, err := t.AppendText(b)
	return append(b, '"'), err
}

func appendDifferences(b []byte, list []Difference) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"differences":[`...)
	for i, d := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = d.Name.appendJSON(b)
		b = append(b, `,"what":`...)
		b = appendString(b, d.What)
		b = appendField(b, "was", d.Was)
		b = appendField(b, "is", d.Is)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendTextField appends a field of text, unless it is empty.
func appendTextField(b []byte, name string, t Text) []byte {
	if t == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return t.appendJSON(b)
}

func appendTextsOrNull(b []byte, list []Text) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	return appendTexts(b, list)
}

func appendStringsOrNull(b []byte, list []string) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}
