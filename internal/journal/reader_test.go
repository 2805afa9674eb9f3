package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

// longRun has more than 4 KiB in its last lines, of all kinds that are common.
func longRun(id string) []phased.Event {
	sc := newScript(id)
	events := sc.all(started("/x"), phased.PhaseStarted{Phase: "configure"})
	for i := range 2 {
		hook := phased.Text(fmt.Sprintf("%02d-\xffhook", i))
		events = append(events, sc.all(
			phased.HookStarted{Phase: "configure", Hook: hook, Path: "/x/" + hook, Pid: noPid + i, PidStart: 9},
			phased.HookOutput{Phase: "configure", Hook: hook, Stream: "out", Text: phased.Text(strings.Repeat("é\n", 700))},
			phased.HookFinished{Phase: "configure", Hook: hook, Exit: phased.Exit{Cause: phased.CauseOK}},
		)...)
	}
	return append(events, sc.all(
		phased.PhaseFinished{Phase: "configure", Status: phased.StatusSucceeded},
		phased.RunFinished{Status: phased.StatusSucceeded, Ran: 2},
	)...)
}

func encode(t testing.TB, events []phased.Event) []byte {
	t.Helper()
	var b []byte
	var err error
	for _, e := range events {
		if b, err = appendLine(b, e); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// put writes a run file as it would be found.
func put(t testing.TB, s *Store, id string, content []byte) {
	t.Helper()
	if err := os.WriteFile(s.RunFile(id), content, 0o640); err != nil {
		t.Fatal(err)
	}
}

// read collects what a reader yields up to its first error.
func read(content []byte, id string) ([]phased.Event, error) {
	r := newReader(bytes.NewReader(content), "file", id)
	var events []phased.Event
	for {
		rec, err := r.next()
		if err != nil {
			return events, err
		}
		e, err := r.decode(rec)
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

func TestTruncatedAnywhere(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	id := testID(1)
	events := longRun(id)
	whole := encode(t, events)
	if len(whole) < 6<<10 {
		t.Fatalf("the run has only %d bytes", len(whole))
	}
	checked := -1
	put(t, s, id, whole)
	for cut := len(whole); cut >= len(whole)-4<<10; cut-- {
		content := whole[:cut]
		lines := bytes.Count(content, []byte("\n"))
		if err := os.Truncate(s.RunFile(id), int64(cut)); err != nil {
			t.Fatal(err)
		}
		run, err := s.Run(t.Context(), id)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if run.Seq != uint64(lines) || !run.Status.Final() {
			t.Fatalf("cut at %d: %d events of %d, %s", cut, run.Seq, lines, run.Status)
		}
		if lines != checked {
			sameRun(t, foldOf(events[:lines]).AsInterrupted(), run)
			checked = lines
		}
		if cut%8 != 0 {
			continue
		}
		runs, err := s.Runs(t.Context())
		if err != nil || len(runs) != 1 || runs[0].Status != run.Status || !runs[0].Began.Equal(run.Began) || runs[0].Took != run.Took {
			t.Fatalf("cut at %d: listed as %+v, %v; it is %s", cut, runs, err, run.Status)
		}
		if cut%64 != 0 || cut == len(whole) {
			continue
		}
		closed, err := s.CloseDead("closer")
		if err != nil || len(closed) != 1 {
			t.Fatalf("cut at %d: closed %d, %v", cut, len(closed), err)
		}
		run, err = s.Run(t.Context(), id)
		if err != nil || run.Status != phased.StatusInterrupted || run.ClosedBy != "closer" || run.Seq != uint64(lines)+1 {
			t.Fatalf("cut at %d: closed as %s by %q at %d, %v", cut, run.Status, run.ClosedBy, run.Seq, err)
		}
		put(t, s, id, content)
	}
}

// TestDamageAnywhere changes one byte at a time: what is read before the damage
// is what was written, and damage that is not in the last line is told with the
// file and the line.
func TestDamageAnywhere(t *testing.T) {
	id := testID(1)
	whole := encode(t, goodRun(id, "/x"))
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lastLine := bytes.LastIndexByte(whole[:len(whole)-1], '\n') // a merged one included
	for at := range whole {
		for _, b := range []byte{whole[at] ^ 1, whole[at] ^ 0x20, 0, '\n'} {
			if b == whole[at] {
				continue
			}
			content := bytes.Clone(whole)
			content[at] = b
			bad := bytes.Count(whole[:at], []byte("\n"))
			r := newReader(bytes.NewReader(content), "file", id)
			n := 0
			rec, err := r.next()
			for ; err == nil; rec, err = r.next() {
				if string(rec.line)+"\n" != string(lines[n]) {
					t.Fatalf("byte %d = %q: line %d is read as %s", at, b, n+1, rec.line)
				}
				n++
			}
			damage, ok := errors.AsType[*CorruptError](err)
			switch {
			case n != bad:
				t.Fatalf("byte %d = %q: %d lines are read, %d are good", at, b, n, bad)
			case at < lastLine && (!ok || damage.Line != bad+1 || damage.File != "file"):
				t.Fatalf("byte %d = %q, in line %d: %v", at, b, bad+1, err)
			case at >= lastLine && !errors.Is(err, errTorn) && !ok:
				t.Fatalf("byte %d = %q, in the last line: %v", at, b, err)
			}
		}
	}
}

func TestDamagedRunShowsWhatWasBefore(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	events := goodRun(id, "/x")
	content := encode(t, events)
	start := len(encode(t, events[:4]))
	content[start+200] ^= 4
	put(t, s, id, content)
	run, err := s.Run(t.Context(), id)
	damage, ok := errors.AsType[*CorruptError](err)
	if !ok || damage.Line != 5 || damage.File != s.RunFile(id) {
		t.Fatalf("error: %v", err)
	}
	if want := "run file " + s.RunFile(id) + " is damaged at line 5: its checksum does not fit"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	sameRun(t, foldOf(events[:4]).AsInterrupted(), run)
	var last error
	n := 0
	for _, err := range s.Follow(t.Context(), id, 0) {
		if last = err; err == nil {
			n++
		}
	}
	if !errors.As(last, &damage) || n != 4 {
		t.Errorf("Follow yields %d events, then %v", n, last)
	}
	if runs, err := s.Runs(t.Context()); err != nil || len(runs) != 1 || runs[0].Status != phased.StatusSucceeded {
		t.Errorf("%+v, %v", runs, err)
	}
}

func TestWrongOrderIsDamage(t *testing.T) {
	id := testID(1)
	events := goodRun(id, "/x")
	line := func(i int) string { return string(encode(t, events[i:i+1])) }
	other := string(encode(t, goodRun(testID(2), "/x")[1:2]))
	cases := map[string]struct {
		content, reason string
		good            int
	}{
		"a line is missing": {line(0) + line(2) + line(3), "event 3 follows event 1", 1},
		"a line twice":      {line(0) + line(1) + line(1) + line(2), "event 2 follows event 2", 2},
		"the first missing": {line(1) + line(2), "event 2 follows event 0", 0},
		"another run's":     {line(0) + other + line(2), `it belongs to run "` + testID(2), 1},
	}
	for name, c := range cases {
		got, err := read([]byte(c.content), id)
		if len(got) != c.good || err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %d events, %v", name, len(got), err)
		}
	}
	// Over a hole, the gap that it leaves is not told again.
	r := newReader(strings.NewReader(line(0)+"{}\n"+line(2)+line(3)), "file", id)
	var seqs []uint64
	errs := 0
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			errs++
			continue
		}
		seqs = append(seqs, rec.seq)
	}
	if errs != 1 || !cmp.Equal(seqs, []uint64{1, 3, 4}) {
		t.Errorf("read on with %v after %d errors", seqs, errs)
	}
}

func TestNewerFormat(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	good := encode(t, goodRun(id, "/x")[:1])
	for name, line := range map[string]string{
		"with our checksum":    seal(`{"v":2,"run":"` + id + `","seq":2,"t":"2026-01-02T03:04:05Z","mono":0,"kind":"run.warning","data":{}`),
		"with another":         `{"v":2,"run":"` + id + `","seq":2,"sum":"x"}` + "\n",
		"of quite other shape": `{"v":7,"run":{"id":1}}` + "\n",
	} {
		for _, content := range []string{string(good) + line, string(good) + line + "more\n", line} {
			put(t, s, id, []byte(content))
			_, err := s.Run(t.Context(), id)
			var newer *phased.NewerVersionError
			if !errors.As(err, &newer) || !strings.Contains(err.Error(), s.RunFile(id)) || !strings.Contains(err.Error(), "newer phased") {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := s.Runs(t.Context()); err != nil {
				t.Errorf("%s: the list fails: %v", name, err)
			}
			before, _ := os.ReadFile(s.RunFile(id))
			if _, err := s.CloseDead("x"); !errors.As(err, &newer) && content != line {
				t.Errorf("%s: CloseDead: %v", name, err)
			}
			if after, _ := os.ReadFile(s.RunFile(id)); !bytes.Equal(before, after) {
				t.Errorf("%s: a file of a newer format was changed", name)
			}
		}
	}
}

// seal completes a line.
func seal(s string) string { return fmt.Sprintf("%s,\"crc\":\"%08x\"}\n", s, castagnoli(s)) }

func TestUnknownKindsStay(t *testing.T) {
	id := testID(1)
	head := `{"v":1,"run":"` + id + `","seq":1,"t":"2026-01-02T03:04:05Z","mono":5,`
	for _, rest := range []string{`"kind":"run.dreamt","data":{"a": "<&>"}`, `"new":1,"kind":"run.dreamt","data":{"a": "<&>"}`, `"kind":"run.dreamt","data":{"a": "<&>"},"new":[]`} {
		events, err := read([]byte(seal(head+rest)), id)
		if !errors.Is(err, io.EOF) || len(events) != 1 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		u, ok := events[0].Data.(phased.Unknown)
		if !ok || u.Name != "run.dreamt" || string(u.Raw) != `{"a": "<&>"}` {
			t.Errorf("%#v", events[0].Data)
		}
	}
}

func TestChecksumMustBeWritten(t *testing.T) {
	good := strings.TrimSuffix(seal(`{"a":1`), "\n")
	if !sound([]byte(good)) {
		t.Fatal("a sound line is refused")
	}
	upper := strings.ToUpper(good[len(good)-10:])
	for _, line := range []string{
		"", "{}", good[1:], good + " ", " " + good, good[:len(good)-1], strings.Replace(good, `"crc"`, `"CRC"`, 1),
		good[:len(good)-10] + upper + " ", strings.Replace(good, `{"a":1`, `{"a":2`, 1), `,"crc":"00000000"}`,
	} {
		if line != good && sound([]byte(line)) {
			t.Errorf("taken: %s", line)
		}
	}
}

func TestOverlongLine(t *testing.T) {
	id := testID(1)
	const max = 1 << 20
	good := encode(t, goodRun(id, "/x")[:2])
	for name, c := range map[string]struct {
		tail []byte
		want string
	}{
		"as the last line": {nil, "torn last line"},
		"in the middle":    {append([]byte("\n"), good...), "line 3: it is longer than 1048576 bytes"},
	} {
		f, err := os.Create(t.TempDir() + "/file")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Write(good); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(c.tail, int64(len(good))+max+5); err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(int64(len(good)) + max + 5 + int64(len(c.tail))); err != nil {
			t.Fatal(err)
		}
		r := newReader(f, "file", id)
		if r.max != maxLine {
			t.Errorf("lines of up to %d bytes are read", r.max)
		}
		r.max = max
		for range 2 {
			if _, err := r.next(); err != nil {
				t.Fatal(err)
			}
		}
		_, err = r.next()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if cap(r.mem) > 3*max {
			t.Errorf("%s: %d bytes of memory", name, cap(r.mem))
		}
		if errors.Is(err, errTorn) && r.off != int64(len(good)) {
			t.Errorf("%s: stands at %d after the torn line", name, r.off)
		}
	}
}

// TestManyEntries reads back a line that is far longer than any buffer.
func TestManyEntries(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	p := phased.PhaseStarted{Phase: "configure"}
	for i := range 10_000 {
		name := phased.Text(fmt.Sprintf("%05d-\xfe\n", i))
		p.Entries = append(p.Entries, phased.Entry{Name: name, Path: "/x/configure.d/" + name, Verdict: phased.VerdictNameChars, Detail: strings.Repeat("d", 100), Digest: strings.Repeat("0", 64)})
	}
	events := newScript(id).all(started("/x"), p)
	keep(t, s, events)
	run, err := s.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(run.Phases[0].Entries, p.Entries) {
		t.Error("the entries changed on the way")
	}
	runs, err := s.Runs(t.Context())
	if err != nil || runs[0].Took != events[1].Mono {
		t.Errorf("the list does not find the last line: %+v, %v", runs, err)
	}
}

// resealed gives each line the checksum that it should have, so that fuzzing
// comes past it.
func resealed(content []byte) []byte {
	var b []byte
	for line := range bytes.Lines(content) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if i := bytes.LastIndex(line, []byte(crcField)); i >= 0 {
			line = line[:i]
		}
		b = append(b, seal(string(line))...)
	}
	return b
}

func FuzzReader(f *testing.F) {
	id := testID(1)
	good := encode(f, goodRun(id, "/x"))
	for _, content := range [][]byte{
		good, good[:len(good)-7], slices.Concat(good[:300], good), encode(f, longRun(id)), []byte("\n\n{\n"),
		[]byte(`{"v":1,"run":"` + id + `","seq":1,"t":"2026-01-02T03:04:05Z","mono":5,"kind":"hook.output","data":{}`),
		[]byte(`{"v":1,"seq":1,"run":"` + id + `","t":"2026-01-02T03:04:05Z","mono":5,"kind":"run.warning","data":{"message":"m"},"seq":2`),
		[]byte(`{"v":2,"run":"` + id + `"`),
	} {
		f.Add(content, false)
		f.Add(content, true)
	}
	f.Fuzz(func(t *testing.T, content []byte, reseal bool) {
		if reseal {
			content = resealed(content)
		}
		r := newReader(bytes.NewReader(content), "file", id)
		var run, full phased.Run
		for steps := 0; ; steps++ {
			if steps > len(content) {
				t.Fatal("reads for ever")
			}
			rec, err := r.next()
			if _, ok := errors.AsType[*CorruptError](err); ok {
				continue
			}
			if err != nil {
				break // the end, or a newer format
			}
			checkRecord(t, r, rec, content, &run, &full)
		}
		if d := cmp.Diff(full, run, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(phased.Run{}, "Began")); d != "" {
			t.Fatalf("the brief fold differs:\n%s", d)
		}
	})
}

// checkRecord holds a record to an independent reading of the file.
func checkRecord(t *testing.T, r *reader, rec record, content []byte, run, full *phased.Run) {
	text := string(rec.line)
	if !bytes.Contains(content, append([]byte(text), '\n')) {
		t.Fatal("yields a line that is not there")
	}
	i := strings.LastIndex(text, `,"crc":"`)
	if want := fmt.Sprintf(`,"crc":"%08x"}`, castagnoli(text[:i])); text[i:] != want {
		t.Fatalf("yields a line with %s, not %s", text[i:], want)
	}
	e, err := r.decode(rec)
	if err != nil {
		return
	}
	var slow phased.Event
	if err := json.Unmarshal([]byte(text), &slow); err != nil || slow.Run != e.Run || slow.Seq != e.Seq || slow.Mono != rec.mono || slow.Data.Kind() != rec.kind {
		t.Fatalf("%+v is read as %+v, %v", slow, e, err)
	}
	brief, err := rec.brief()
	if err != nil {
		t.Fatal(err)
	}
	run.Apply(brief)
	full.Apply(slow)
}

// TestUnwrittenBlocksAtTheEnd: lines that were never written, and of which none
// that is whole follows, are torn off like a last line; with one behind them
// they are damage, and so is what no power cut leaves.
func TestUnwrittenBlocksAtTheEnd(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	events := goodRun(id, "/x")
	good, rest := encode(t, events[:4]), encode(t, events[4:7])
	hole := bytes.Clone(rest)
	clear(hole[20 : len(hole)-40]) // ends with a newline, and holds others
	for name, c := range map[string]struct {
		tail    []byte
		damaged bool
	}{
		"a hole":                   {hole, false},
		"a hole and a torn line":   {slices.Concat(hole, rest[:30]), false},
		"two holes":                {slices.Concat(hole, hole), false},
		"zeros":                    {make([]byte, 40<<10), false},
		"a hole and a good line":   {slices.Concat(hole, encode(t, events[7:])), true},
		"two holes and a good one": {slices.Concat(hole, hole, encode(t, events[7:])), true},
		"no hole":                  {[]byte("hello\nyou\n"), true},
	} {
		put(t, s, id, slices.Concat(good, c.tail))
		run, err := s.Run(t.Context(), id)
		if damage, told := errors.AsType[*CorruptError](err); told != c.damaged || told && damage.Line != 5 || !told && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		sameRun(t, foldOf(events[:4]).AsInterrupted(), run)
		if c.damaged {
			continue
		}
		if _, err := s.CloseDead("x"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		content, _ := os.ReadFile(s.RunFile(id))
		if tail, cut := bytes.CutPrefix(content, good); !cut || bytes.Count(tail, []byte("\n")) != 1 || !sound(tail[:len(tail)-1]) {
			t.Errorf("%s: closed with %q", name, tail)
		}
	}
}
