package executor

import (
	"time"
	"unicode/utf8"

	"phased/internal/phased"
)

const (
	batchSize  = 64 << 10               // a batch of this many bytes goes out at once
	batchDelay = 100 * time.Millisecond // and a smaller one after this time
	readSize   = 64 << 10               // what a pipe holds, unless it was enlarged
)

// stream names the streams of a hook, by the index that is used for them.
func stream(i int) string {
	if i == 0 {
		return "out"
	}
	return "err"
}

// batch gathers output, in the order in which it was read, until it goes out in
// one call.
type batch struct {
	emit  func([]phased.Part)
	buf   []byte
	segs  []segment
	parts []phased.Part
	since time.Time // when its first byte came
}

type segment struct{ stream, n int }

// room returns memory for one read.
func (b *batch) room() []byte {
	if b.buf == nil {
		b.buf = make([]byte, 0, batchSize+readSize)
	}
	return b.buf[len(b.buf) : len(b.buf)+readSize]
}

// took says that n bytes of the stream were read into the room. A full batch
// goes out.
func (b *batch) took(stream, n int, now time.Time) {
	if n == 0 {
		return
	}
	if len(b.buf) == 0 {
		b.since = now
	}
	b.buf = b.buf[:len(b.buf)+n]
	if last := len(b.segs) - 1; last >= 0 && b.segs[last].stream == stream {
		b.segs[last].n += n
	} else {
		b.segs = append(b.segs, segment{stream, n})
	}
	if len(b.buf) >= batchSize {
		b.flush(false, now)
	}
}

// add copies bytes of the stream into the batch.
func (b *batch) add(stream int, p []byte, now time.Time) {
	for len(p) > 0 {
		n := copy(b.room(), p)
		b.took(stream, n, now)
		p = p[n:]
	}
}

// due returns when the batch is to go out; the zero time where it is empty.
func (b *batch) due() time.Time {
	if len(b.buf) == 0 {
		return time.Time{}
	}
	return b.since.Add(batchDelay)
}

// flush sends the batch out. Unless it is the last one, the beginning of a
// character at its end waits for the rest: half a character is no text.
func (b *batch) flush(last bool, now time.Time) {
	held := 0
	if !last {
		held = b.partial()
	}
	if held == len(b.buf) {
		held = 0 // it has waited once
	}
	b.send(len(b.buf) - held)
	b.since = now
}

// border sends the batch out, but for the beginning of a character at its end,
// which it returns; the bytes are valid until the next call.
func (b *batch) border() (stream int, rest []byte) {
	if held := b.partial(); held > 0 {
		stream = b.segs[len(b.segs)-1].stream
		b.send(len(b.buf) - held)
		rest = b.buf
		b.buf, b.segs = b.buf[:0], b.segs[:0]
		return stream, rest
	}
	b.send(len(b.buf))
	return 0, nil
}

// send sends the first n bytes out.
func (b *batch) send(n int) {
	if n == 0 {
		return
	}
	b.parts = b.parts[:0]
	at := 0
	for at < n {
		s := &b.segs[len(b.parts)]
		k := min(s.n, n-at)
		b.parts = append(b.parts, phased.Part{Stream: stream(s.stream), Bytes: b.buf[at : at+k]})
		at += k
		s.n -= k
	}
	b.emit(b.parts)
	done := len(b.parts)
	if b.segs[done-1].n > 0 {
		done--
	}
	b.segs = b.segs[:copy(b.segs, b.segs[done:])]
	b.buf = b.buf[:copy(b.buf, b.buf[n:])]
}

// partial returns how many bytes at the end begin a character that is not
// complete yet.
func (b *batch) partial() int {
	if len(b.segs) == 0 {
		return 0
	}
	return partial(b.buf[len(b.buf)-b.segs[len(b.segs)-1].n:])
}

// partial returns how many bytes at the end of p begin a character of UTF-8 that
// is not complete yet.
func partial(p []byte) int {
	for n := 1; n <= min(3, len(p)); n++ {
		c := p[len(p)-n]
		if c < utf8.RuneSelf {
			return 0
		}
		if utf8.RuneStart(c) {
			if utf8.FullRune(p[len(p)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}
