package capsule

import (
	"fmt"
	"slices"

	"phased/internal/phased"
)

// Hook names a hook of a run.
type Hook struct {
	Phase string
	Name  phased.Text
}

// Trim is how much of the output of each hook goes into a page. Every event of
// the run is shown to Measure first and then, in the same order, to Event. The zero
// value measures.
//
// Hooks that wrote little keep it all; what room is left is shared by the others,
// each of which keeps the beginning and the end.
type Trim struct {
	hooks map[Hook]*output
}

// output is what one hook wrote.
type output struct {
	pieces   []int32 // lengths
	total    int64
	from, to int64 // what is left out: from == to where nothing is
	carrier  int   // the piece in whose place that is told; -1: it is told in the text
	next     int   // piece
	at       int64 // where that begins
	share    int64
}

// Measure counts the output of an event.
func (t *Trim) Measure(d phased.HookOutput) {
	if t.hooks == nil {
		t.hooks = map[Hook]*output{}
	}
	key := Hook{d.Phase, d.Hook}
	o := t.hooks[key]
	if o == nil {
		o = &output{}
		t.hooks[key] = o
	}
	o.pieces = append(o.pieces, int32(len(d.Text)))
	o.total += int64(len(d.Text))
}

// Limit decides what is kept: at most that many bytes in all. It returns how many
// are left out.
func (t *Trim) Limit(limit int64) (left int64) {
	all := make([]*output, 0, len(t.hooks))
	for _, o := range t.hooks {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *output) int { return int(min(1, max(-1, a.total-b.total))) })
	for i, o := range all {
		o.share = limit / int64(len(all)-i)
		limit -= min(o.share, o.total)
		o.cut()
		left += o.to - o.from
	}
	return left
}

// cut decides what of one hook's output is left out.
func (o *output) cut() {
	o.carrier = -1
	if o.total <= o.share {
		return
	}
	o.from = o.share / 2
	o.to = o.total - (o.share - o.from)
	at := int64(0)
	for i, n := range o.pieces {
		if at >= o.from && at+int64(n) <= o.to {
			o.carrier = i
			return
		}
		at += int64(n)
	}
}

// Again returns the same decisions, for another reading of the run from its
// beginning.
func (t *Trim) Again() *Trim {
	again := &Trim{hooks: make(map[Hook]*output, len(t.hooks))}
	for key, o := range t.hooks {
		one := *o
		one.next, one.at = 0, 0
		again.hooks[key] = &one
	}
	return again
}

// Event returns the event as it goes into the page, and whether it is another one
// than on record.
func (t *Trim) Event(e phased.Event) (phased.Event, bool) {
	d, ok := e.Data.(phased.HookOutput)
	if !ok {
		return e, false
	}
	o := t.hooks[Hook{d.Phase, d.Hook}]
	if o == nil || o.next >= len(o.pieces) {
		return e, false
	}
	begin, n := o.at, o.next
	end := begin + int64(len(d.Text))
	o.at, o.next = end, n+1
	if n == o.carrier {
		e.Data = phased.HookCut{Phase: d.Phase, Hook: d.Hook, Dropped: o.to - o.from, Limit: o.share}
		return e, true
	}
	if o.from == o.to || end <= o.from || begin >= o.to || d.Text == "" {
		return e, false
	}
	text := d.Text[:max(0, o.from-begin)]
	if o.carrier < 0 && end >= o.to {
		text += phased.Text(fmt.Sprintf("\n[%d bytes left out of this capsule here]\n", o.to-o.from))
	}
	if end > o.to {
		text += d.Text[o.to-begin:]
	}
	d.Text = text
	e.Data = d
	return e, true
}
