package executor

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"phased/internal/phased"
)

// tagged is output of which every byte has its stream.
type tagged struct{ bytes, streams []byte }

func (g *tagged) add(stream int, p []byte) {
	g.bytes = append(g.bytes, p...)
	g.streams = append(g.streams, bytes.Repeat([]byte{byte('0' + stream)}, len(p))...)
}

func (g *tagged) last(n int) tagged {
	n = min(n, len(g.bytes))
	return tagged{g.bytes[len(g.bytes)-n:], g.streams[len(g.streams)-n:]}
}

func (g *tagged) equal(o tagged) bool {
	return bytes.Equal(g.bytes, o.bytes) && bytes.Equal(g.streams, o.streams)
}

// TestRing compares the ring with the plain end of all that was put in.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		for range rapid.IntRange(1, 3).Draw(t, "hooks") { // memory is used again
			limit := rapid.IntRange(0, 50).Draw(t, "limit")
			r.reset(limit, rapid.IntRange(1, 20).Draw(t, "slack"))
			var all, got tagged
			for range rapid.IntRange(0, 100).Draw(t, "reads") {
				stream := rapid.IntRange(0, 1).Draw(t, "stream")
				room := r.room()
				if len(room) == 0 {
					t.Fatal("no room")
				}
				n := copy(room, rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "bytes"))
				all.add(stream, room[:n])
				r.took(stream, n)
			}
			r.each(got.add)
			if want := all.last(limit); !got.equal(want) {
				t.Fatalf("kept %q of %s, expected %q of %s", got.bytes, got.streams, want.bytes, want.streams)
			}
			if r.total != int64(len(all.bytes)) || r.kept != len(got.bytes) {
				t.Fatalf("total %d, kept %d of %d", r.total, r.kept, len(all.bytes))
			}
		}
	})
}

func TestRingTrim(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"aäb", 2, "b"},                     // half of ä
		{"aäb", 3, "äb"},                    // whole
		{"\xa4b", 2, "\xa4b"},               // nothing was dropped: as it came
		{"€€", 4, "€"},                      // a third of €
		{"\x80\x80\x80\x80\x80", 4, "\x80"}, // no text at all
		{"xä", 1, ""},
		{"xyz", 0, ""},
	} {
		var r ring
		var got tagged
		r.reset(c.limit, ringSlack)
		r.add(0, []byte(c.in))
		r.trim()
		r.each(got.add)
		if string(got.bytes) != c.want || r.kept != len(c.want) {
			t.Errorf("last %d of %q: %q, expected %q", c.limit, c.in, got.bytes, c.want)
		}
	}
}

// TestBatch proves that batches give out all that went in, in its order, by
// stream, with whole characters where the output is text.
func TestBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in, out tagged
		var b batch
		b.emit = func(parts []phased.Part) {
			last := ""
			for _, p := range parts {
				if len(p.Bytes) == 0 || p.Stream == last {
					t.Fatalf("part %q of %s after one of %s", p.Bytes, p.Stream, last)
				}
				last = p.Stream
				out.add(strings.Index("out err", p.Stream)/4, p.Bytes)
			}
		}
		now := time.Unix(1000, 0)
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			now = now.Add(time.Second)
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				b.flush(false, now)
			case 1:
				b.flush(true, now)
				if !out.equal(in) {
					t.Fatalf("%q, expected %q", out.bytes, in.bytes)
				}
			case 2:
				stream, rest := b.border()
				out.add(stream, rest)
				if !out.equal(in) || len(rest) > 3 {
					t.Fatalf("%q, expected %q; rest %q", out.bytes, in.bytes, rest)
				}
			default:
				stream := rapid.IntRange(0, 1).Draw(t, "stream")
				p := []byte(rapid.SampledFrom([]string{"a", "\xc3", "\xa4", "\xe2\x82", "\xac", "\xf0\x9f\x98", "text", strings.Repeat("€", batchSize/2)}).Draw(t, "bytes"))
				if !b.due().IsZero() && b.due().After(now.Add(batchDelay)) {
					t.Fatalf("due %v at %v", b.due(), now)
				}
				in.add(stream, p)
				b.add(stream, p, now)
			}
		}
		b.flush(true, now)
		if !out.equal(in) {
			t.Fatalf("%q of %s, expected %q of %s", out.bytes, out.streams, in.bytes, in.streams)
		}
		if !b.due().IsZero() {
			t.Fatal("an empty batch is due")
		}
	})
}

// TestBatchText proves that text goes out in whole characters, whatever the
// sizes of the reads.
func TestBatchText(t *testing.T) {
	text := strings.Repeat("aä€😀\n", 30000)
	for _, size := range []int{1, 2, 3, 5, 7, 4096, 65536} {
		var b batch
		var got bytes.Buffer
		calls := 0
		b.emit = func(parts []phased.Part) {
			calls++
			for _, p := range parts {
				if !utf8.Valid(p.Bytes) {
					t.Errorf("reads of %d: a part of %d bytes is no text", size, len(p.Bytes))
				}
				got.Write(p.Bytes)
			}
		}
		for i := 0; i < len(text); i += size {
			n := copy(b.room(), text[i:min(len(text), i+size)])
			b.took(0, n, time.Unix(1000, 0))
		}
		b.flush(true, time.Unix(1000, 0))
		if got.String() != text {
			t.Errorf("reads of %d: the text is not the same", size)
		}
		if most := len(text)/batchSize + 1; calls > most+1 {
			t.Errorf("reads of %d: %d batches, expected about %d", size, calls, most)
		}
	}
}

func TestPartial(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "a": 0, "ä": 0, "€": 0, "😀": 0, "\xc3": 1, "a\xc3": 1, "\xe2": 1, "\xe2\x82": 2, "x\xf0\x9f\x98": 3,
		"\x80": 0, "\x80\x80\x80\x80": 0, "\xff": 0, "\xc3a": 0, "ä\xe2": 1, "\xc0": 0, "\xf5": 0, "\xed\xa0": 0,
	} {
		if got := partial([]byte(in)); got != want {
			t.Errorf("%q: %d, expected %d", in, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		base []string
		add  []phased.Text
		want []string
	}{
		{[]string{"A=1", "B=2"}, nil, []string{"A=1", "B=2"}},
		{[]string{"A=1", "B=2", "AA=3"}, []phased.Text{"A=9", "C="}, []string{"B=2", "AA=3", "A=9", "C="}},
		{[]string{"A=1", "A=2", "odd"}, []phased.Text{"A=x=y"}, []string{"odd", "A=x=y"}},
		{nil, []phased.Text{"A=1"}, []string{"A=1"}},
	} {
		if diff := cmp.Diff(c.want, environment(c.base, c.add)); diff != "" {
			t.Errorf("%q with %q (-want +got):\n%s", c.base, c.add, diff)
		}
	}
}
