package redact

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// Stream cleans a text that comes in pieces: what it returns is, put together,
// what Clean makes of the whole. It holds back no more than may be the beginning
// of a known value. A value that is learned late is cleaned from there on.
type Stream struct {
	Set *Set

	held    []byte
	covered int  // bytes at the start of held that belong to a secret
	inside  bool // the last byte that was passed on belongs to a secret
}

// Next takes the next piece and returns what can be passed on, which is valid
// until the next call.
func (s *Stream) Next(piece []byte) []byte { return s.pass(piece, false) }

// End returns what was held back: the text ends there.
func (s *Stream) End() []byte { return s.pass(nil, true) }

func (s *Stream) pass(piece []byte, last bool) []byte {
	values := s.Set.known()
	text := piece
	if len(s.held) > 0 {
		text = append(s.held, piece...)
	}
	runs := cover(text, s.covered, values)
	keep := len(text)
	if !last {
		keep = beginning(text, values)
	}
	if len(runs) == 0 && keep == len(text) {
		s.inside = s.inside && len(text) == 0
		s.held, s.covered = nil, 0
		return text
	}
	out := make([]byte, 0, len(text)+len(Mark))
	at := 0
	for _, r := range runs {
		if r.from >= keep {
			break
		}
		if r.from > at || !s.inside {
			out = append(append(out, text[at:r.from]...), Mark...)
		}
		at, s.inside = min(r.to, keep), true
	}
	if at < keep {
		out, s.inside = append(out, text[at:keep]...), false
	}
	s.covered = 0
	for _, r := range runs {
		if r.from <= keep && r.to > keep {
			s.covered = r.to - keep
		}
	}
	s.held = bytes.Clone(text[keep:])
	return out
}

type run struct{ from, to int }

// cover returns the runs of bytes that belong to a value, in order and apart.
func cover(text []byte, covered int, values []string) []run {
	var runs []run
	if covered > 0 {
		runs = append(runs, run{0, covered})
	}
	for _, v := range values {
		value := []byte(v)
		for from := 0; ; {
			i := bytes.Index(text[from:], value)
			if i < 0 {
				break
			}
			runs = append(runs, run{from + i, from + i + len(value)})
			from += i + 1
		}
	}
	return join(runs)
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

// beginning returns where the longest end of text starts with which a value
// may begin; the length of text where there is none.
func beginning(text []byte, values []string) int {
	at := len(text)
	for _, v := range values {
		from := max(len(text)-len(v)+1, 0)
		for i := from; i < at; i++ {
			n := bytes.IndexByte(text[i:at], v[0])
			if n < 0 {
				break
			}
			i += n
			if strings.HasPrefix(v, string(text[i:])) {
				at = i
				break
			}
		}
	}
	return at
}
