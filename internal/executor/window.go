package executor

import (
	"bytes"
	"slices"

	"phased/internal/phased"
	"phased/internal/redact"
)

// window is the end of a hook's output, of which the last lines are told.
type window struct {
	texts  [2]cleaned
	before [2][]byte // what stands before it
	pieces []windowPiece
	open   [2]*phased.OutputLine // what has no end yet
	told   []*phased.OutputLine
}

type windowPiece struct {
	stream int
	text   []byte
}

// newWindow returns the window that begins where the streams are now: with what is
// not passed on yet of the line of set -x that they are in.
func newWindow(texts [2]cleaned) *window {
	w := &window{texts: texts}
	for i, t := range texts {
		w.texts[i].line, w.texts[i].last = bytes.Clone(t.line), bytes.Clone(t.last)
		w.before[i] = t.last[:max(len(t.last)-len(t.line), 0)]
	}
	return w
}

// add takes what was read next.
func (w *window) add(set *redact.Set, stream int, b []byte) {
	if text := w.texts[stream].pass(set, b); len(text) > 0 {
		w.pieces = append(w.pieces, windowPiece{stream, text})
	}
}

// lines returns the last lines of what was added. What may be the beginning of a
// secret, or is that of a character, is not there yet.
func (w *window) lines(set *redact.Set) []phased.OutputLine {
	var streams [2]redact.Stream
	for i := range streams {
		streams[i].Set = set
		streams[i].Skip(w.before[i])
	}
	for _, p := range w.pieces {
		w.split(p.stream, streams[p.stream].Next(p.text))
	}
	for _, l := range w.open {
		if l != nil {
			l.Text = l.Text[:len(l.Text)-partial([]byte(l.Text))]
		}
	}
	return bounded(w.told)
}

// split makes lines of a piece of text. A line stands where its last piece came.
func (w *window) split(i int, text []byte) {
	for len(text) > 0 {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		text = rest
		l := w.open[i]
		if l == nil {
			l = &phased.OutputLine{Stream: stream(i)}
		} else if at := slices.Index(w.told, l); at >= 0 {
			w.told = slices.Delete(w.told, at, at+1)
		}
		l.Text += phased.Text(line)
		w.told = append(w.told, l)
		if w.open[i] = l; ended {
			w.open[i] = nil
		}
	}
}

// bounded returns the last ones of the lines, of a long one its end.
func bounded(told []*phased.OutputLine) []phased.OutputLine {
	var lines []phased.OutputLine
	size := 0
	for _, l := range slices.Backward(told) {
		if n := len(l.Text) - phased.ProgressBytes; n > 0 && len(lines) == 0 {
			for stop := n + 3; n < stop && l.Text[n]&0xC0 == 0x80; { // the rest of a character
				n++
			}
			l.Text = l.Text[n:]
		}
		if size += len(l.Text); size > phased.ProgressBytes || len(lines) == phased.ProgressLines {
			break
		}
		lines = append(lines, *l)
	}
	slices.Reverse(lines)
	return lines
}
