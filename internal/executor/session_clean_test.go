package executor

import (
	"testing"

	"phased/internal/phased"
	"phased/internal/redact"
)

// outputSink keeps what a sink is told of output.
type outputSink struct {
	phased.Sink
	out, err string
	cut      int // bytes of out when something was cut
}

func (o *outputSink) Output(_ phased.Hook, parts []phased.Part, _ bool) {
	for _, p := range parts {
		if p.Stream == "out" {
			o.out += string(p.Bytes)
		} else {
			o.err += string(p.Bytes)
		}
	}
}

func (o *outputSink) Cut(phased.Hook, int64, int64) { o.cut = len(o.out) }

// TestCleanedOutput: whatever the pieces are, a secret is in none of what goes
// on; streams do not disturb each other, and nothing else is lost.
func TestCleanedOutput(t *testing.T) {
	const trace = "+ A=1\n++ B_TOKEN='it'\\''s secret'\n+ echo 'it'\\''s secret'\n+ C_PASSWORD=hunter22\n"
	const text = "known value one\nvalue it's secret, and hunter22\nsecre"
	for size := 1; size < len(text); size++ {
		set := redact.NewSet(redact.DefaultNames())
		set.Add("value one")
		got := &outputSink{}
		sink := clean(got, set)
		h := phased.Hook{Name: "h"}
		give := func(stream, text string, size int) {
			for len(text) > 0 {
				n := min(size, len(text))
				b := []byte(text[:n])
				sink.Output(h, []phased.Part{{Stream: stream, Bytes: b}}, false)
				clear(b) // a part is valid during the call only
				text = text[n:]
			}
		}
		give("err", trace, len(trace))
		give("out", text, size)
		sink.Cut(h, 1, 1)
		endOutput(sink)
		m := redact.Mark
		if want := "known " + m + "\nvalue " + m + ", and " + m + "\nsecre"; got.out != want || got.cut != len(want) {
			t.Fatalf("pieces of %d: out is %q, cut at %d, want %q", size, got.out, got.cut, want)
		}
		if want := "+ A=1\n++ B_TOKEN='" + m + "'\n+ echo '" + m + "'\n+ C_PASSWORD=" + m + "\n"; got.err != want {
			t.Fatalf("err is %q, want %q", got.err, want)
		}
	}
}

// TestCleanedHooks: what is held back of one hook is told before the next.
func TestCleanedHooks(t *testing.T) {
	set := redact.NewSet(redact.DefaultNames())
	set.Add("hunter22")
	got := &outputSink{}
	sink := clean(got, set)
	sink.Output(phased.Hook{Name: "a"}, []phased.Part{{Stream: "out", Bytes: []byte("hunt")}}, false)
	if got.out != "" {
		t.Errorf("the beginning of a secret was told: %q", got.out)
	}
	sink.Output(phased.Hook{Name: "b"}, []phased.Part{{Stream: "out", Bytes: []byte("er22")}}, false)
	endOutput(sink)
	if got.out != "hunter22" {
		t.Errorf("got %q: of two hooks it is none", got.out)
	}
	if clean(got, nil) != phased.Sink(got) {
		t.Error("without a set, output goes another way")
	}
}
