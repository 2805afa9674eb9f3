package executor

import (
	"bytes"
	"time"

	"phased/internal/phased"
	"phased/internal/redact"
)

const (
	// progressEvery is the least time between two tellings; it grows by a hundredth
	// of what has passed since the first one.
	progressEvery = time.Second
	progressShare = 100
	// progressLook is how much of the end of the output is looked at for its last
	// lines: more than is told, as secrets and what may be the beginning of one fall
	// away.
	progressLook = 4 * phased.ProgressBytes
)

// progress says when it is time to tell how far a hook is, and what its last lines
// are: those in the ring, which go on record at its end. The text is cleaned like
// the output itself. What set -x shows is learned from in all that is still in the
// ring, as it would be at the end.
type progress struct {
	off   bool
	first time.Time // when it was told first
	next  time.Time // when it may be told next; zero: nothing is in the ring
	told  int64     // bytes that were read when it was told last
	upTo  int64     // of what was put into the ring: what has been learned from
	texts [2]cleaned
}

// take is told that output went into the ring.
func (p *progress) take(c *capture, now time.Time) {
	if !p.next.IsZero() || p.off {
		return
	}
	p.next = now.Add(progressEvery)
	if c.clean == nil {
		return
	}
	for i := range c.clean.texts { // the text goes on
		t := &c.clean.texts[i]
		p.texts[i] = cleaned{line: bytes.Clone(t.line), inLine: t.inLine, last: bytes.Clone(t.last)}
	}
}

// due returns when there is something to tell; the zero time where nothing was
// read since it was told.
func (p *progress) due(read int64) time.Time {
	if read == p.told {
		return time.Time{}
	}
	return p.next
}

// after sets the time of the next telling.
func (p *progress) after(now time.Time, read int64) {
	if p.first.IsZero() {
		p.first = now
	}
	p.told = read
	p.next = now.Add(max(progressEvery, now.Sub(p.first)/progressShare))
}

// due returns when something is to be told that was read before.
func (c *capture) due() time.Time {
	return earlier(c.batch.due(), c.progress.due(c.count[0]+c.count[1]))
}

// tick tells what is due.
func (c *capture) tick(now time.Time) {
	if due := c.batch.due(); !due.IsZero() && !now.Before(due) {
		c.batch.flush(false, now)
	}
	read := c.count[0] + c.count[1]
	if due := c.progress.due(read); !due.IsZero() && !now.Before(due) {
		last := c.progress.last(c)
		c.progress.after(now, read)
		c.sink.Tell(phased.HookProgress{Phase: c.hook.Phase, Hook: c.hook.Name, Out: c.count[0], Err: c.count[1], Last: last})
	}
}

// last returns the last lines of what was read.
func (p *progress) last(c *capture) []phased.OutputLine {
	set, ring := c.redact, &c.tail
	end := ring.total
	oldest := end - int64(ring.kept)
	from := max(oldest, end-progressLook)
	if p.upTo < oldest { // some of it is gone
		for i := range p.texts {
			p.texts[i] = cleaned{inLine: true, last: ring.gap.before(i, p.texts[i].last)}
		}
		p.upTo = oldest
	}
	ring.between(p.upTo, from, func(stream int, b []byte) { p.texts[stream].pass(set, b) })
	p.upTo = from
	w := newWindow(p.texts)
	// All of it is learned from before the first of it is cleaned: see output.
	ring.between(from, end, func(stream int, b []byte) { w.add(set, stream, b) })
	return w.lines(set)
}

// pass is next, also where there are no secrets.
func (t *cleaned) pass(set *redact.Set, b []byte) []byte {
	if set == nil {
		return b
	}
	return t.next(set, b)
}
