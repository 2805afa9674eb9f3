package redact

import (
	"bytes"
	"cmp"
	"slices"
)

// Stream cleans a text that comes in pieces: what it returns is, put together,
// what Clean makes of the whole. It holds back no more than may be the beginning
// of a secret. A secret that is learned late is cleaned from there on.
type Stream struct {
	Set *Set

	held    []byte
	hidden  int   // bytes at the start of held that are not passed on: see Skip
	covered int   // bytes at the start of held that belong to a secret
	inside  bool  // the last byte that was passed on belongs to a secret
	from    []int // of each pattern: where in held its next match may begin
}

// Next takes the next piece and returns what can be passed on: the piece itself
// where nothing is in it. It is valid as long as the piece.
func (s *Stream) Next(piece []byte) []byte {
	m := s.Set.matcher()
	if m == nil && len(s.held) == 0 {
		s.inside = s.inside && len(piece) == 0
		return piece
	}
	return s.pass(m, piece, false)
}

// End returns what was held back: the text ends there. What comes next is a new
// text.
func (s *Stream) End() []byte {
	var rest []byte
	if len(s.held) > 0 {
		rest = s.pass(s.Set.matcher(), nil, true)
	}
	*s = Stream{Set: s.Set}
	return rest
}

// Break ends the text like End where it goes on, but is not passed on: with
// what comes next of it, as much as Set.Reach tells. So the beginning of a
// secret is none of what is returned, and what is no secret is all there.
func (s *Stream) Break(next []byte) []byte {
	var rest []byte
	if held := len(s.held); held > 0 {
		whole := append(s.held[:held:held], next...)
		rest = s.emit(whole, held, s.runs(s.Set.matcher(), whole, true).runs)
	}
	*s = Stream{Set: s.Set}
	return rest
}

// Skip begins a text in its middle: before is what stands there before what will
// come, as much as Set.Reach tells. It is not passed on, and neither is the end
// of a secret that begins in it.
func (s *Stream) Skip(before []byte) {
	*s = Stream{Set: s.Set}
	m := s.Set.matcher()
	if m == nil || len(before) == 0 {
		return
	}
	s.hidden = len(before)
	s.pass(m, before, false)
	s.inside = false
}

// found is what is known of a text: which bytes of it belong to secrets, and
// from where on it has to be held back.
type found struct {
	runs []run
	keep int
	ends []int // of each pattern: the end of its last match
}

// runs finds the secrets of a text that begins with what was held back.
func (s *Stream) runs(m *matcher, text []byte, last bool) found {
	f := found{keep: len(text)}
	if s.covered > 0 {
		f.runs = append(f.runs, run{0, s.covered})
	}
	if m == nil {
		return f
	}
	if len(m.needles) > 0 {
		f.runs = append(f.runs, m.find(text)...)
		if !last {
			f.keep = m.beginning(text)
		}
	}
	if len(m.patterns) > 0 {
		s.patterns(m, text, last, &f)
	}
	f.runs = join(f.runs)
	return f
}

// patterns adds what the patterns match.
func (s *Stream) patterns(m *matcher, text []byte, last bool, f *found) {
	all := make([][]run, len(m.patterns))
	f.ends = make([]int, len(m.patterns))
	copy(f.ends, s.from)
	for i, p := range m.patterns {
		var open int
		all[i], open = p.find(text, f.ends[i], last)
		f.keep = min(f.keep, open)
	}
	f.keep = boundary(text, f.keep, 0)
	for i, runs := range all {
		for _, r := range runs {
			if r.from >= f.keep {
				break // it is found again
			}
			f.runs, f.ends[i] = append(f.runs, r), r.to
		}
	}
}

func (s *Stream) pass(m *matcher, piece []byte, last bool) []byte {
	text := piece
	if len(s.held) > 0 {
		text = append(slices.Clip(s.held), piece...)
	}
	f := s.runs(m, text, last)
	out := s.emit(text, f.keep, f.runs)
	s.covered = 0
	for _, r := range f.runs {
		if r.from <= f.keep && r.to > f.keep {
			s.covered = r.to - f.keep
		}
	}
	s.from = s.from[:0]
	for _, end := range f.ends {
		s.from = append(s.from, max(end-f.keep, 0))
	}
	s.hidden = max(s.hidden-f.keep, 0)
	s.held = bytes.Clone(text[f.keep:])
	return out
}

// emit returns what is passed on of the first bytes of text.
func (s *Stream) emit(text []byte, keep int, runs []run) []byte {
	at := min(s.hidden, keep)
	if len(runs) == 0 || runs[0].from >= keep {
		s.inside = s.inside && at == keep
		return text[at:keep]
	}
	out := make([]byte, 0, keep-at+len(Mark))
	for _, r := range runs {
		if r.from >= keep {
			break
		}
		if r.to <= at { // in what is not passed on
			continue
		}
		if r.from > at {
			out, s.inside = append(out, text[at:r.from]...), false
		}
		if !s.inside {
			out = append(out, Mark...)
		}
		at, s.inside = min(r.to, keep), true
	}
	if at < keep {
		out, s.inside = append(out, text[at:keep]...), false
	}
	return out
}

// join puts runs in order, and makes one of those that touch.
func join(runs []run) []run {
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.from, b.from) })
	out := runs[:0]
	for _, r := range runs {
		if n := len(out); n > 0 && r.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, r.to)
			continue
		}
		out = append(out, r)
	}
	return out
}
