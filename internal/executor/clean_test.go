package executor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
	"phased/internal/redact"
)

// outputSink keeps what a sink is told of output.
type outputSink struct {
	phased.Sink
	out, err string
	late     string
	cut      int // bytes of out when something was cut
	warnings []string
}

func (o *outputSink) Output(_ phased.Hook, parts []phased.Part, late bool) {
	for _, p := range parts {
		switch {
		case late:
			o.late += string(p.Bytes)
		case p.Stream == "out":
			o.out += string(p.Bytes)
		default:
			o.err += string(p.Bytes)
		}
	}
}

func (o *outputSink) Cut(phased.Hook, int64, int64) { o.cut = len(o.out) }

func (o *outputSink) Warning(message string) { o.warnings = append(o.warnings, message) }

// cleanTo is a cleaner that tells a sink.
func cleanTo(sink phased.Sink, set *redact.Set) *cleaner {
	c := newCleaner(set)
	c.emit = func(parts []phased.Part) { sink.Output(phased.Hook{Name: "h"}, parts, false) }
	return c
}

// give gives a text in pieces, whose memory is used for something else then.
func give(c *cleaner, stream, text string, size int) {
	for len(text) > 0 {
		n := min(size, len(text))
		b := []byte(text[:n])
		c.output([]phased.Part{{Stream: stream, Bytes: b}})
		clear(b) // a part is valid during the call only
		text = text[n:]
	}
}

// TestCleanedOutput: whatever the pieces are, a secret is in none of what goes
// on; streams do not disturb each other, and nothing else is lost.
func TestCleanedOutput(t *testing.T) {
	const trace = "+ A=1\n++ B_TOKEN='it'\\''s secret'\n+ echo 'it'\\''s secret'\n+ C_PASSWORD=hunter22\n++ export $'D_SECRET=a\\tb\\n\\303\\244c'\n"
	const text = "known value one\nvalue it's secret, and hunter22\na\tb\näc and\n++\n+ no trace\n+"
	for size := 1; size < max(len(text), len(trace)); size++ {
		set := redact.NewSet(redact.DefaultNames())
		set.Add("value one")
		got := &outputSink{}
		c := cleanTo(got, set)
		give(c, "err", trace, size)
		c.end()
		give(c, "out", text, size)
		c.end()
		m := redact.Mark
		if want := "known " + m + "\nvalue " + m + ", and " + m + "\n" + m + " and\n++\n+ no trace\n+"; got.out != want {
			t.Fatalf("pieces of %d: out is %q, want %q", size, got.out, want)
		}
		if want := "+ A=1\n++ B_TOKEN='" + m + "'\n+ echo '" + m + "'\n+ C_PASSWORD=" + m + "\n++ export $'D_SECRET=" + m + "'\n"; got.err != want {
			t.Fatalf("pieces of %d: err is %q, want %q", size, got.err, want)
		}
	}
}

// A trace whose line does not end is none the less one.
func TestCleanedTraceWithoutEnd(t *testing.T) {
	set := redact.NewSet(redact.DefaultNames())
	got := &outputSink{}
	c := cleanTo(got, set)
	give(c, "err", "x\n+ A_TOKEN=hunter22", 3)
	c.end()
	if want := "x\n+ A_TOKEN=" + redact.Mark; got.err != want {
		t.Errorf("err is %q, want %q", got.err, want)
	}
}

// Where nothing is known, output goes on as it is, in the memory that it came in.
func TestCleanedOutputIsNotCopied(t *testing.T) {
	c := newCleaner(redact.NewSet(redact.DefaultNames()))
	b := []byte(strings.Repeat("a line\n", 1000))
	same := false
	c.emit = func(parts []phased.Part) { same = &parts[0].Bytes[0] == &b[0] && len(parts[0].Bytes) == len(b) }
	parts := []phased.Part{{Stream: "out", Bytes: b}}
	if c.output(parts); !same {
		t.Error("it was copied")
	}
	if n := testing.AllocsPerRun(100, func() { c.output(parts) }); n > 0 {
		t.Errorf("%v allocations for output in which nothing is to be found", n)
	}
	if newCleaner(nil) != nil {
		t.Error("without a set, output goes another way")
	}
}

// captured is what a capture with a limit tells of output, of which every piece
// is one of a stream.
func captured(set *redact.Set, limit int, pieces []string) *outputSink {
	got := &outputSink{}
	c := &capture{limit: int64(limit), redact: set}
	c.begin(got, phased.Hook{Name: "h"})
	now := time.Now()
	for i, p := range pieces {
		for len(p) > 0 { // as read does it
			if c.live > 0 {
				n := copy(c.batch.room(), p[:min(int64(len(p)), c.live)])
				c.live -= int64(n)
				if c.batch.took(i%2, n, now); c.live == 0 {
					c.tail.add(c.batch.border())
				}
				p = p[n:]
				continue
			}
			c.tail.add(i%2, []byte(p))
			p = ""
		}
	}
	c.flush()
	c.end()
	return got
}

// A secret that the limit of output cuts leaves no half, wherever the cut is, and
// what is no secret is all there.
func TestCutLeavesNoHalf(t *testing.T) {
	const secret = "hunter22-and-more"
	set := redact.NewSet(nil)
	set.Add(secret)
	p, err := redact.ParsePattern(`AKIA[0-9A-Z]{16}`)
	if err != nil {
		t.Fatal(err)
	}
	set.AddPattern(p)
	for _, s := range []string{secret, "AKIA0123456789ABCDEF"} {
		for before := range 60 {
			out := strings.Repeat(".", before) + s + strings.Repeat("-", 45) + s + strings.Repeat("_", 60-before)
			// The other stream stands between the pieces, and has no secret.
			for _, pieces := range [][]string{{out}, {out[:before+5], "err", out[before+5:]}} {
				for _, limit := range []int{50, 90, 120, 128, 134, 150} {
					got := captured(set, limit, pieces)
					bare := strings.ReplaceAll(got.out, redact.Mark, "\x00")
					for n := 3; n <= len(s); n++ {
						if strings.Contains(bare, s[:n]) || strings.Contains(bare, s[len(s)-n:]) {
							t.Fatalf("%d before, limit %d: a piece of %s is in %q", before, limit, s, got.out)
						}
					}
					whole := set.Clean(out)
					if head := strings.TrimSuffix(got.out[:got.cut], redact.Mark); !strings.HasPrefix(whole, head) {
						t.Fatalf("%d before, limit %d: head %q of %q", before, limit, head, whole)
					}
					if tail := strings.TrimPrefix(got.out[got.cut:], redact.Mark); !strings.HasSuffix(whole, tail) {
						t.Fatalf("%d before, limit %d: tail %q of %q", before, limit, tail, whole)
					}
				}
			}
		}
	}
}

// The beginning of no secret is all there before a cut.
func TestCutHidesNothingElse(t *testing.T) {
	set := redact.NewSet(nil)
	set.Add("hunter22")
	got := captured(set, 20, []string{"0123456hun__________________________er22xxxxxx"})
	if want := "0123456hun" + "er22xxxxxx"; got.out != want || got.cut != 10 {
		t.Errorf("%q, cut at %d, want %q", got.out, got.cut, want)
	}
}

// What was left alone is told, each once, by name.
func TestShortSecretsAreTold(t *testing.T) {
	set := redact.NewSet(redact.DefaultNames())
	set.Learn("A_TOKEN", "abc")
	set.Learn("A_TOKEN", "abd")
	set.Learn("B_PASSWORD", "Password")
	set.Learn("C_TOKEN", "true")
	set.Learn("D_TOKEN", "")
	set.AddFile("/etc/key", "xyz\n")
	got := captured(set, 100, []string{"", "+ E_SECRET=uvw\n"})
	want := []string{
		"the value of A_TOKEN is too short to be hidden: it has fewer than 6 bytes",
		"the value of B_PASSWORD is a common word, and is not hidden",
		"the content of /etc/key is too short to be hidden: it has fewer than 6 bytes",
		"the value of E_SECRET is too short to be hidden: it has fewer than 6 bytes",
	}
	if !slices.Equal(got.warnings, want) {
		t.Errorf("told: %q", got.warnings)
	}
	if again := set.Notices(); len(again) > 0 {
		t.Errorf("told again: %q", again)
	}
}

// A secret of which the hook writes the one half and a process that it left
// behind the other is told by neither; nor is one in the output of the hook.
func TestProcessOutputIsCleaned(t *testing.T) {
	set := redact.NewSet(redact.DefaultNames())
	set.Add("hunter22-and-more")
	p := &Process{Redact: set}
	r := &recorder{}
	enter(t, p, native(r))
	h := hookOf(program(t, "h", `#!/bin/bash
printf 'first hunter22-'; sleep 0.15; printf 'and-more\n'
exec 3>&1; set -x; X_TOKEN="it's new"; : "$X_TOKEN"; set +x
printf 'then hunter22-'; (sleep 0.3; printf 'and-more, late\n') & exit 0
`))
	if _, err := p.Exec(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	await(t, "what was left behind to end", func() bool { p.left.mu.Lock(); defer p.left.mu.Unlock(); return !p.left.running })
	r.check(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	out, late := r.out.String(), r.late.String()
	if want := "first " + redact.Mark + "\nthen "; out != want {
		t.Errorf("out is %q, want %q", out, want)
	}
	if want := redact.Mark + ", late\n"; late != want {
		t.Errorf("late is %q, want %q", late, want)
	}
	if err := r.err.String(); strings.Contains(err, "new") || !strings.Contains(err, "X_TOKEN='"+redact.Mark+"'") {
		t.Errorf("err is %q", err)
	}
}
