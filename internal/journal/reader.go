package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"phased/internal/phased"
)

// errTorn says that what is left of the file is one line that is incomplete or
// does not fit its checksum: it was being written when the power or the
// process went, or is being written now. After a power cut it can be more than
// one: blocks of a file reach the disk in any order, and those that did not read
// as zeros, which no line ever holds.
var errTorn = errors.New("torn last line")

// How much is read at a time: little at first, as most files are small.
const (
	firstChunk = 16 << 10
	mostChunk  = 256 << 10
)

// reader reads the lines of one run file, in order.
type reader struct {
	file io.ReaderAt
	name string // for errors
	run  string // run id that every line must have

	limit int64  // nothing is read from there on
	max   int    // longest line, in bytes
	off   int64  // where the next line starts: the end of the last good one
	line  int    // number of the last line taken
	seq   uint64 // of the last record
	hole  bool   // a bad line was passed over: a gap in seq is no news
	sound int64  // where a sound line stands behind a bad one
	buf   []byte // what the file has from off on, as far as it was read
	mem   []byte // what buf is a part of
	chunk int    // how much was read last
}

func newReader(file io.ReaderAt, name, run string) *reader {
	return &reader{file: file, name: name, run: run, limit: math.MaxInt64, max: maxLine}
}

// next returns the next record. The error is io.EOF at the end of the file,
// errTorn before a torn last line (both may change when the file grows), a
// *CorruptError for a bad line, after which next may be called again (the
// record is there where only its seq is wrong), or a wrapped
// *phased.NewerVersionError.
func (r *reader) next() (record, error) {
	line, err := r.take()
	if err != nil {
		return record{}, err
	}
	if !sound(line) {
		if err := newer(line); err != nil {
			return record{}, r.refuse(err)
		}
		n := len(line) + 1
		more, err := r.more(n)
		if err == nil && more && bytes.IndexByte(line, 0) >= 0 {
			more, err = r.soundBehind(r.off + int64(n))
		}
		if err != nil {
			return record{}, err
		}
		if !more {
			r.buf = r.buf[:0] // look again next time: it may be cut and written anew
			return record{}, errTorn
		}
		r.skip(n)
		r.hole = true
		return record{}, r.corrupt("its checksum does not fit")
	}
	rec, err := parse(line)
	if err != nil {
		if _, ok := errors.AsType[*phased.NewerVersionError](err); ok {
			return record{}, r.refuse(err)
		}
		r.skip(len(line) + 1)
		r.hole = true
		return record{}, r.corrupt(err.Error())
	}
	r.skip(len(line) + 1)
	if rec.run != r.run {
		return record{}, r.corrupt(fmt.Sprintf("it belongs to run %q", rec.run))
	}
	was, hole := r.seq, r.hole
	r.seq, r.hole = rec.seq, false
	if rec.seq != was+1 && (!hole || rec.seq <= was) {
		return rec, r.corrupt(fmt.Sprintf("event %d follows event %d", rec.seq, was))
	}
	return rec, nil
}

// decode decodes the record that next returned last.
func (r *reader) decode(rec record) (phased.Event, error) {
	e, err := rec.event()
	switch {
	case err != nil:
		return e, r.corrupt(err.Error())
	case e.Run != rec.run || e.Seq != rec.seq || e.Data.Kind() != rec.kind:
		return e, r.corrupt("it says run, seq or kind twice")
	}
	return e, nil
}

func (r *reader) corrupt(reason string) error { return &CorruptError{r.name, r.line, reason} }

func (r *reader) refuse(err error) error {
	return fmt.Errorf("cannot read run file %s, line %d: %w", r.name, r.line+1, err)
}

// skip moves on by n bytes, which are one line.
func (r *reader) skip(n int) {
	r.buf = r.buf[n:]
	r.off += int64(n)
	r.line++
}

// take returns the next line without its newline, and does not move on.
func (r *reader) take() ([]byte, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(r.buf[seen:], '\n'); i >= 0 && seen+i < r.max {
			return r.buf[:seen+i], nil
		}
		seen = len(r.buf)
		if seen >= r.max {
			return nil, r.overlong()
		}
		n, err := r.fill()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			if seen == 0 {
				return nil, io.EOF
			}
			// It may be cut and written anew: look again next time.
			r.buf = r.buf[:0]
			return nil, errTorn
		}
	}
}

// more reports whether the file goes on after n bytes.
func (r *reader) more(n int) (bool, error) {
	if len(r.buf) > n {
		return true, nil
	}
	got, err := r.fill()
	if got == 0 {
		r.buf = r.buf[:0]
	}
	return got > 0, err
}

// soundBehind reports whether a sound line stands in the file from off on.
func (r *reader) soundBehind(off int64) (bool, error) {
	if off <= r.sound {
		return true, nil // a bad line before it has found it
	}
	ahead := &reader{file: r.file, name: r.name, limit: r.limit, max: r.max, off: off}
	for {
		line, err := ahead.take()
		if _, overlong := errors.AsType[*CorruptError](err); overlong {
			continue // it was passed over
		}
		if err != nil {
			return false, ignoreTorn(err)
		}
		if sound(line) || newer(line) != nil {
			r.sound = ahead.off
			return true, nil //nolint:nilerr // a line of a newer phased counts as sound
		}
		ahead.skip(len(line) + 1)
	}
}

// fill reads what comes after buf and returns how much.
func (r *reader) fill() (int, error) {
	at := r.off + int64(len(r.buf))
	r.chunk = min(max(2*r.chunk, firstChunk), mostChunk)
	want := min(int64(max(r.chunk, len(r.buf))), r.limit-at)
	if want <= 0 {
		return 0, nil
	}
	if cap(r.buf)-len(r.buf) < int(want) {
		if need := len(r.buf) + int(want); cap(r.mem) < need {
			r.mem = make([]byte, need)
		}
		r.buf = r.mem[:copy(r.mem[:cap(r.mem)], r.buf)]
	}
	n, err := r.file.ReadAt(r.buf[len(r.buf):len(r.buf)+int(want)], at)
	r.buf = r.buf[:len(r.buf)+n]
	if n > 0 || err == nil || errors.Is(err, io.EOF) {
		return n, nil
	}
	return 0, fmt.Errorf("cannot read run file %s: %w", r.name, err)
}

// overlong passes over a line that is longer than max, without keeping it.
func (r *reader) overlong() error {
	start := r.off
	for {
		n := len(r.buf)
		if i := bytes.IndexByte(r.buf, '\n'); i >= 0 {
			r.skip(i + 1)
			r.hole = true
			return r.corrupt(fmt.Sprintf("it is longer than %d bytes", r.max))
		}
		r.off += int64(n)
		r.buf = r.buf[:0]
		got, err := r.fill()
		if err != nil {
			return err
		}
		if got == 0 {
			r.off = start
			return errTorn
		}
	}
}
