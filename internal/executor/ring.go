package executor

import "bytes"

// ring keeps the last bytes that were put into it, up to max, and of which
// stream each was. Bytes are read straight into its memory; that is larger than
// max by slack, so that a read of any size up to this never overwrites what is
// still to be kept.
type ring struct {
	max   int
	slack int
	buf   []byte
	start int   // where the oldest byte kept lies
	kept  int   // bytes kept
	total int64 // bytes put in
	segs  []uint32
	first int // the oldest of segs: what is before it was dropped
	gap   edges
}

// edges are what lies at the two ends of the gap that a ring makes in a text, of
// each stream. A secret that lies across an end is known by it.
type edges struct {
	reach int       // bytes kept of each; 0: none
	first [2][]byte // put in first: what comes behind the text that was before
	last  [2][]byte // dropped last: what stands before the text that is kept
}

const (
	ringSlack = 1 << 20
	ringBegin = 256 << 10
	ringWhole = 16 << 20
	segMax    = 1<<31 - 1
)

// before returns what stands before the text behind the gap, of a stream of which
// last came before the gap.
func (e *edges) before(stream int, last []byte) []byte {
	before := e.last[stream]
	if len(before) < e.reach { // all that there was in the gap: what was before it is near enough
		before = append(bytes.Clone(last), before...)
	}
	return bytes.Clone(before)
}

// reset empties the ring for another hook. Memory is kept.
func (r *ring) reset(limit, slack int) {
	r.max, r.slack = limit, slack
	r.start, r.kept, r.total, r.segs, r.first = 0, 0, 0, r.segs[:0], 0
	r.gap = edges{}
	if full := limit + slack; len(r.buf) > full {
		r.buf = r.buf[:full]
	}
}

// room returns memory to read into. It is never empty.
func (r *ring) room() []byte {
	end := r.start + r.kept
	if full := r.max + r.slack; end == len(r.buf) && end < full {
		size := max(ringBegin, 4*len(r.buf))
		if len(r.buf) > 0 {
			size = max(size, ringWhole) // the kernel gives what is touched of it
		}
		grown := make([]byte, min(full, size))
		copy(grown, r.buf)
		r.buf = grown
	}
	if end < len(r.buf) {
		return r.buf[end:min(len(r.buf), end+r.slack)]
	}
	return r.buf[end-len(r.buf) : r.start]
}

// took says that n bytes of the stream were read into the room.
func (r *ring) took(stream, n int) {
	r.total += int64(n)
	if first := &r.gap.first[stream]; len(*first) < r.gap.reach {
		at := (r.start + r.kept) % len(r.buf)
		*first = append(*first, r.buf[at:at+min(n, r.gap.reach-len(*first))]...)
	}
	r.kept += n
	for n > 0 {
		k := min(n, segMax)
		if last := len(r.segs) - 1; last >= r.first && int(r.segs[last]&1) == stream && int(r.segs[last]>>1)+k <= segMax {
			r.segs[last] += uint32(k) << 1
		} else {
			r.segs = append(r.segs, uint32(k)<<1|uint32(stream))
		}
		n -= k
	}
	if r.kept > r.max {
		r.drop(r.kept - r.max)
	}
}

// add copies bytes of the stream into the ring.
func (r *ring) add(stream int, p []byte) {
	for len(p) > 0 {
		n := copy(r.room(), p)
		r.took(stream, n)
		p = p[n:]
	}
}

// drop forgets the n oldest bytes.
func (r *ring) drop(n int) {
	at := r.start
	r.kept -= n
	r.start += n
	if r.start >= len(r.buf) {
		r.start -= len(r.buf)
	}
	for n > 0 {
		k := min(n, int(r.segs[r.first]>>1))
		if r.gap.reach > 0 {
			r.dropped(int(r.segs[r.first]&1), at, k)
			at = (at + k) % len(r.buf)
		}
		r.segs[r.first] -= uint32(k) << 1
		n -= k
		if r.segs[r.first]>>1 == 0 {
			r.first++
		}
	}
	if r.first > 1024 && r.first > len(r.segs)/2 {
		r.segs = r.segs[:copy(r.segs, r.segs[r.first:])]
		r.first = 0
	}
}

// dropped keeps the end of n bytes that are dropped, which begin at a place of the
// memory.
func (r *ring) dropped(stream, at, n int) {
	if skip := n - r.gap.reach; skip > 0 {
		at, n = (at+skip)%len(r.buf), r.gap.reach
	}
	last := append(r.gap.last[stream], r.buf[at:min(at+n, len(r.buf))]...)
	last = append(last, r.buf[:max(at+n-len(r.buf), 0)]...)
	if more := len(last) - r.gap.reach; more > 0 {
		last = last[:copy(last, last[more:])]
	}
	r.gap.last[stream] = last
}

// trim forgets, after bytes were dropped, what the cut left of a character at
// the beginning, so that the tail of a text is a text.
func (r *ring) trim() {
	if r.total == int64(r.kept) {
		return
	}
	n := 0
	for n < min(3, r.kept) && r.buf[(r.start+n)%len(r.buf)]&0xC0 == 0x80 {
		n++
	}
	r.drop(n)
}

// each calls f with what is kept, oldest first.
func (r *ring) each(f func(stream int, p []byte)) { r.between(0, r.total, f) }

// between calls f with what is kept, oldest first, of what was put in from one
// byte on up to another, both counted from the first that was ever put in.
func (r *ring) between(from, to int64, f func(stream int, p []byte)) {
	oldest := r.total - int64(r.kept)
	end := oldest
	for _, s := range r.segs[r.first:] {
		at := max(end, from)
		end += int64(s >> 1)
		for until := min(end, to); at < until; {
			i := (r.start + int(at-oldest)) % len(r.buf)
			k := min(int(until-at), len(r.buf)-i)
			f(int(s&1), r.buf[i:i+k])
			at += int64(k)
		}
	}
}
