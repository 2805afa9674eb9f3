package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/redact"
)

// watched is a capture of a hook whose clock the test has.
type watched struct {
	*capture
	t    *testing.T
	rec  *recorder
	ends [2]int
	now  time.Time
}

func watch(t *testing.T, set *redact.Set, limit int64) *watched {
	w := &watched{capture: &capture{limit: limit, redact: set}, t: t, rec: &recorder{started: make([]phased.Process, 1)}, now: time.Unix(1e9, 0)}
	var err error
	if w.ends, err = w.open(w.rec, phased.Hook{Phase: "p", Name: "h"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeAll(w.ends[:])
		w.close()
		w.aside.close()
	})
	return w
}

// write writes as the hook does, and lets it be read.
func (w *watched) write(stream int, text string) {
	w.t.Helper()
	for len(text) > 0 {
		n := min(len(text), 32<<10)
		if _, err := unix.Write(w.ends[stream], []byte(text[:n])); err != nil {
			w.t.Fatal(err)
		}
		text = text[n:]
		for w.read(stream, w.now) {
		}
		w.tick(w.now)
	}
}

// pass lets time pass, and what is due then be told.
func (w *watched) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.tick(w.now)
}

func (w *watched) told() (all []phased.HookProgress) {
	for _, p := range w.rec.told {
		all = append(all, p.(phased.HookProgress))
	}
	return all
}

func (w *watched) last() phased.HookProgress {
	w.t.Helper()
	all := w.told()
	if len(all) == 0 {
		w.t.Fatal("nothing was told")
	}
	return all[len(all)-1]
}

// Nothing is told of what goes out as it comes, nor sooner than a second after
// that, nor where nothing new has come; and each attempt begins anew.
func TestProgressTimes(t *testing.T) {
	w := watch(t, nil, 200)
	expect := func(what string, n int) {
		t.Helper()
		if got := len(w.told()); got != n {
			t.Fatalf("%s: told %d times, want %d", what, got, n)
		}
	}
	for attempt := range 2 {
		w.write(0, strings.Repeat("x", 60))
		w.pass(time.Hour)
		w.write(1, strings.Repeat("y", 40))
		w.pass(time.Hour)
		expect("all of it is on record", 3*attempt)
		w.write(0, "a\n")
		if want := w.now.Add(time.Second); !w.due().Equal(want) {
			t.Errorf("due %v, want %v", w.due(), want)
		}
		w.pass(time.Second - 1)
		expect("too soon", 3*attempt)
		w.pass(1)
		expect("after a second", 3*attempt+1)
		if p := w.last(); p.Out != 62 || p.Err != 40 || p.Phase != "p" || p.Hook != "h" {
			t.Errorf("told %+v", p)
		}
		if !w.due().IsZero() {
			t.Errorf("due %v without anything new", w.due())
		}
		w.pass(time.Hour)
		expect("nothing new", 3*attempt+1)
		w.write(1, "b\n") // it was silent for long enough
		expect("after a silence", 3*attempt+2)
		w.write(1, "c\n")
		if want := w.now.Add(36 * time.Second); !w.due().Equal(want) { // a hundredth of an hour
			t.Errorf("due %v, want %v", w.due(), want)
		}
		w.pass(36 * time.Second)
		expect("a hundredth later", 3*attempt+3)
		w.flush()
		w.begin(w.rec, phased.Hook{Phase: "p", Name: "h", Attempt: 2})
	}
	w.after(w.rec, phased.Hook{Phase: "p", Name: "h"})
	w.write(0, strings.Repeat("x", lateLimit+100))
	w.pass(time.Hour)
	expect("of what is written behind the end", 6)
}

// A day of it takes about 1 MiB of the record.
func TestProgressOfADay(t *testing.T) {
	w := watch(t, nil, 200)
	w.write(0, strings.Repeat("x", 101))
	end := w.now.Add(24 * time.Hour)
	for n := 0; w.now.Before(end); n++ {
		w.write(0, fmt.Sprintf("%06d %s\n", n, strings.Repeat("a line of a log ", 6)))
		w.pass(w.due().Sub(w.now))
	}
	told, size := w.told(), 0
	for i, p := range told {
		line, err := phased.Event{Run: strings.Repeat("R", 26), Seq: uint64(i), Time: w.now, Mono: time.Since(w.now), Data: p}.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		size += len(line)
	}
	if len(told) < 600 || len(told) > 800 || size > 1<<20 {
		t.Errorf("told %d times, %d bytes", len(told), size)
	}
}

func lines(words ...string) (all []phased.OutputLine) {
	for _, w := range words {
		stream, text, _ := strings.Cut(w, ":")
		all = append(all, phased.OutputLine{Stream: stream, Text: phased.Text(text)})
	}
	return all
}

func TestProgressLastLines(t *testing.T) {
	long := strings.Repeat("0123456789", 500)
	type piece struct {
		stream int
		text   string
	}
	for name, tt := range map[string]struct {
		pieces []piece
		want   []phased.OutputLine
	}{
		"both streams, as they came": {[]piece{{0, "a\nb\n"}, {1, "c\n"}, {0, "d\n"}}, lines("out:a", "out:b", "err:c", "out:d")},
		"a line in pieces":           {[]piece{{0, "a\nb"}, {1, "c\n"}, {0, "d"}, {0, "e\n"}}, lines("out:a", "err:c", "out:bde")},
		"no end yet":                 {[]piece{{0, "a\nb"}, {1, "c"}}, lines("out:a", "out:b", "err:c")},
		"the last eight":             {[]piece{{1, "1\n2\n3\n4\n5\n6\n7\n8\n9\n\n"}}, lines("err:3", "err:4", "err:5", "err:6", "err:7", "err:8", "err:9", "err:")},
		"a long line":                {[]piece{{0, "a\n" + long}}, lines("out:" + long[:800])},
		"longer than is looked at":   {[]piece{{0, strings.Repeat(long, 10)}}, lines("out:" + long[:800])},
		"800 bytes":                  {[]piece{{0, long[:300] + "\n" + long[:300] + "\n" + long[:500] + "\n"}}, lines("out:"+long[:300], "out:"+long[:500])},
		"behind a long line":         {[]piece{{0, strings.Repeat(long, 10) + "\na\n"}}, lines("out:a")},
		"from the midst of a line":   {[]piece{{0, long[:3000] + "\n" + strings.Repeat(long[:299]+"\n", 2) + long[:99]}}, lines("out:"+long[:299], "out:"+long[:299], "out:"+long[:99])},
		"no text":                    {[]piece{{0, "a\xff\n\xc3"}, {0, "\x28\n"}}, lines("out:a\xff", "out:\xc3\x28")},
		"half a character":           {[]piece{{0, "a\n\xe2\x82"}}, lines("out:a", "out:")},
		"of long text":               {[]piece{{0, "x" + strings.Repeat("€", 400)}}, lines("out:" + strings.Repeat("€", 266))},
		"much of the other stream":   {[]piece{{1, "x\n"}, {0, strings.Repeat("a\n", 5000)}}, lines("out:a", "out:a", "out:a", "out:a", "out:a", "out:a", "out:a", "out:a")},
	} {
		t.Run(name, func(t *testing.T) {
			for _, set := range []*redact.Set{nil, redact.NewSet(redact.DefaultNames())} {
				w := watch(t, set, 16000)
				w.write(0, strings.Repeat("h", 7999)+"\n")
				for _, p := range tt.pieces {
					w.write(p.stream, p.text)
				}
				w.pass(time.Second)
				if d := cmp.Diff(tt.want, w.last().Last); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// TestProgressIsCleanedLikeOutput: at every moment, and wherever output was cut,
// the last lines are those of the output as it would be on record then.
func TestProgressIsCleanedLikeOutput(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	words := []string{"hunter22", "it's secret", "late value", "a", "b c", "\n", "\n", "\n+ A_TOKEN='it'\\''s secret'\n", "\n+ B_PASSWORD='late value'", "€", "\xff", "hunter", strings.Repeat("much of it\n", 150)}
	for range 10 {
		limit := 2 * (1 + r.IntN(300))
		if r.IntN(2) == 0 {
			limit = 2 * (2000 + r.IntN(10000))
		}
		w := watch(t, someSecrets(), int64(limit))
		var parts []phased.Part
		var raw string
		told := 0
		for range 40 {
			i, text := r.IntN(4)/3, words[r.IntN(len(words))]
			for text != "" {
				cut := 1 + r.IntN(len(text))
				piece := text[:cut]
				text = text[cut:]
				w.write(i, piece)
				raw += piece
				parts = append(parts, phased.Part{Stream: stream(i), Bytes: []byte(piece)})
				w.pass(time.Hour)
				all := w.told()
				if len(all) == told {
					continue
				}
				told = len(all)
				last := all[told-1].Last
				for _, l := range last {
					if strings.Contains(string(l.Text), "r22") || strings.Contains(string(l.Text), "s secret") {
						t.Fatalf("%q after %q", last, raw[max(0, len(raw)-400):])
					}
				}
				for _, of := range []string{"out", "err"} {
					if diff := differ(ofStream(recordedLines(parts), of), ofStream(last, of)); diff != "" && len(raw) <= limit { // nothing was dropped
						t.Fatalf("after %q, limit %d: %s", raw[max(0, len(raw)-400):], limit, diff)
					}
				}
			}
		}
	}
}

// differ compares the lines of one stream with the last ones of those that are to
// be: the first may have begun where it went on record.
func differ(want, got []string) string {
	if len(got) > len(want) {
		return fmt.Sprintf("%d lines instead of %d", len(got), len(want))
	}
	want = want[len(want)-len(got):]
	if len(got) > 0 && strings.HasSuffix(want[0], got[0]) {
		want[0] = got[0]
	}
	return cmp.Diff(want, got)
}

func ofStream(all []phased.OutputLine, stream string) []string {
	texts := []string{}
	for _, l := range all {
		if l.Stream == stream {
			texts = append(texts, string(l.Text))
		}
	}
	return texts
}

func someSecrets() *redact.Set {
	set := redact.NewSet(redact.DefaultNames())
	set.Add("hunter22")
	set.Add("it's secret")
	return set
}

// recordedLines returns the lines of output as it is recorded.
func recordedLines(parts []phased.Part) []phased.OutputLine {
	w := &window{}
	c := newCleaner(someSecrets())
	c.emit = func(parts []phased.Part) {
		for _, p := range parts {
			w.split(streamIndex(p.Stream), p.Bytes)
		}
	}
	c.output(parts)
	var all []phased.OutputLine
	for _, l := range w.told {
		for i := len(l.Text); i > 0 && w.open[streamIndex(l.Stream)] == l && !utf8.ValidString(string(l.Text[i-1:])); i-- {
			if !utf8.FullRuneInString(string(l.Text[i-1:])) {
				l.Text = l.Text[:i-1]
			}
		}
		all = append(all, *l)
	}
	return all
}

// Hooks that run at once, each with both streams, tell each of itself, also of a
// second attempt.
func TestProgressOfHooksAtOnce(t *testing.T) {
	sink := &crowd{}
	p := &Process{Limit: 300, Marker: marker, Redact: someSecrets()}
	enterCrowd(t, p, sink, patience, nil)
	hooks, dir := numbered(t, `printf '%0200d\n' 1; printf '%0200d\n' 2 >&2
printf hun; printf "last $I$ATTEMPT" >&2; sleep 0.01; echo ter22
until [ -e $DIR/go$ATTEMPT ]; do [ -d $DIR ] || exit; sleep 0.05; done
`)
	hooks = hooks[:3]
	for attempt := 1; attempt < 3; attempt++ {
		var all []*running
		for i := range hooks {
			hooks[i].Attempt = attempt
			hooks[i].Env = append(hooks[i].Env, phased.Text(fmt.Sprintf("ATTEMPT=%d", attempt)))
			all = append(all, start(t, p, hooks[i]))
		}
		for i, h := range hooks {
			want := phased.OutputLine{Stream: "err", Text: phased.Text(fmt.Sprintf("last %d%d", i, attempt))}
			await(t, "progress of "+string(h.Name), func() bool {
				_, found := toldOf(sink, h.Name, want, phased.OutputLine{Stream: "out", Text: redact.Mark})
				return found
			})
		}
		touch(t, fmt.Sprintf("%s/go%d", dir, attempt))
		for i, r := range all {
			<-r.done
			told, _ := toldOf(sink, hooks[i].Name)
			if s := fmt.Sprint(told); strings.Contains(s, "hun") || strings.Contains(s, "ter22") || strings.Contains(s, fmt.Sprintf("last %d", 1-i%2)) {
				t.Errorf("%s told %s", hooks[i].Name, s)
			}
			if r.err != nil || !r.result.OK() || r.result.Out != 210 {
				t.Errorf("%s: %+v %v", hooks[i].Name, r.result, r.err)
			}
		}
	}
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	sink.check(t)
}

// toldOf returns the progress that was told of a hook, and whether a piece of it
// has all of the lines.
func toldOf(sink *crowd, name phased.Text, lines ...phased.OutputLine) (all []phased.HookProgress, found bool) {
	sink.warnings.mu.Lock()
	defer sink.warnings.mu.Unlock()
	for _, p := range sink.warnings.told {
		if d, ok := p.(phased.HookProgress); ok && d.Hook == name {
			all = append(all, d)
			has := true
			for _, l := range lines {
				has = has && slices.Contains(d.Last, l)
			}
			found = found || has
		}
	}
	return all, found
}
