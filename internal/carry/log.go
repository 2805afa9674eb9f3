package carry

import (
	"encoding/json"
	"fmt"
	"slices"

	"phased/internal/phased"
)

// Log is what each hook of a run, and of those that it goes on with, has handed
// on: what a resume needs. The zero value is empty.
type Log struct{ all []Handed }

// written is the form in which a log is kept.
type written struct {
	Version int      `json:"v"`
	Hooks   []Handed `json:"hooks"`
}

const logVersion = 1

// Put takes in what a hook has handed on, in place of what it had handed on
// before, and reports whether the log is another one by that.
func (l *Log) Put(h Handed) bool {
	i := slices.IndexFunc(l.all, func(x Handed) bool { return x.Phase == h.Phase && x.Hook == h.Hook })
	switch {
	case i < 0 && h.Empty():
		return false
	case i < 0:
		l.all = append(l.all, h)
	case h.Empty():
		l.all = slices.Delete(l.all, i, i+1)
	default:
		l.all[i] = h
	}
	return true
}

// Empty reports whether no hook has handed on anything.
func (l *Log) Empty() bool { return len(l.all) == 0 }

// Has reports whether the hook has handed on anything.
func (l *Log) Has(phase string, hook phased.Text) bool {
	return slices.ContainsFunc(l.all, func(x Handed) bool { return x.Phase == phase && x.Hook == hook })
}

// of returns what a hook has handed on; those of a whole phase where hook is "".
func (l *Log) of(phase string, hook phased.Text) []Handed {
	var some []Handed
	for _, h := range l.all {
		if h.Phase == phase && (hook == "" || h.Hook == hook) {
			some = append(some, h)
		}
	}
	return some
}

// Encode returns the log as it is kept. It holds secrets.
func (l *Log) Encode() ([]byte, error) {
	return json.Marshal(written{logVersion, l.all})
}

// DecodeLog reads a log that Encode has made.
func DecodeLog(content []byte) (*Log, error) {
	var w written
	if err := json.Unmarshal(content, &w); err != nil {
		return nil, fmt.Errorf("what hooks have carried cannot be read: %w", err)
	}
	if w.Version != logVersion {
		return nil, fmt.Errorf("what hooks have carried is written in format %d, and this phased reads %d", w.Version, logVersion)
	}
	return &Log{all: w.Hooks}, nil
}
