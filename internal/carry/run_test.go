package carry

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
	"phased/internal/redact"
)

// memory is a directory in memory.
type memory struct {
	files map[string]string
	fail  error
}

func (m *memory) Path(name string) string { return "/private/" + name }

func (m *memory) Read(name string, limit int64) ([]byte, int64, error) {
	content, found := m.files[name]
	if !found {
		return nil, 0, fs.ErrNotExist
	}
	if content == "<fifo>" {
		return nil, 0, errors.New("not a regular file")
	}
	return []byte(content[:min(len(content), int(limit))]), int64(len(content)), nil
}

func (m *memory) Left(prefix string) (bool, error) {
	for name := range m.files {
		if strings.HasPrefix(name, prefix) {
			return true, nil
		}
	}
	return false, nil
}

func (m *memory) Remove(name string) error {
	if _, found := m.files[name]; !found {
		return fs.ErrNotExist
	}
	delete(m.files, name)
	return nil
}

func (m *memory) Keep(name string, content []byte) error {
	if m.fail == nil {
		m.files[name] = string(content)
	}
	return m.fail
}

// world is a run whose hooks are functions of what they get.
type world struct {
	*Run
	files *memory
	set   *redact.Set
	told  []phased.Payload
}

func newWorld(o Options) *world {
	w := &world{files: &memory{files: map[string]string{}}, set: redact.NewSet(redact.DefaultNames())}
	o.Files, o.Redact, o.Learn, o.Keep = w.files, w.set, w.set.Learn, true
	if o.Takes == nil {
		o.Takes = func(phase string) (bool, bool) { return phase != "sourced", phase != "error" }
	}
	o.Less = func(_ string, a, b phased.Text) bool { return a < b }
	o.Together = func(_ string, a, b phased.Text) bool { return a[:2] == b[:2] }
	w.Run = NewRun(o)
	w.Enter([]phased.Text{"PATH=/bin:/opt", "LANG=C"}, func(p phased.Payload) { w.told = append(w.told, p) })
	return w
}

// start is Before, and returns the environment, and what writes the hook's files.
func (w *world) start(t *testing.T, h *phased.Hook) (env map[string]string, write func(variable, text string)) {
	t.Helper()
	if err := w.Before(h); err != nil {
		t.Fatal(err)
	}
	env = mapOf(h.Env)
	return env, func(variable, text string) {
		w.files.files[strings.TrimPrefix(env["PHASED_"+variable], "/private/")] += text
	}
}

func (w *world) end(t *testing.T, h phased.Hook, exit phased.Exit) phased.Exit {
	t.Helper()
	res := phased.Result{Exit: exit}
	told, err := w.After(h, &res)
	if err != nil {
		t.Fatal(err)
	}
	w.told = append(w.told, told...)
	return res.Exit
}

func (w *world) settle(t *testing.T) {
	t.Helper()
	told, err := w.Settle()
	if err != nil {
		t.Fatal(err)
	}
	w.told = append(w.told, told...)
}

// run lets a hook run that writes, and settles.
func (w *world) run(t *testing.T, phase, name, env, path string) map[string]string {
	t.Helper()
	h := phased.Hook{Phase: phase, Name: phased.Text(name)}
	got, write := w.start(t, &h)
	if env != "" {
		write("ENV", env)
	}
	if path != "" {
		write("PATH", path)
	}
	if x := w.end(t, h, ok()); !x.OK() {
		t.Errorf("%s/%s: %+v", phase, name, x)
	}
	w.settle(t)
	return got
}

func ok() phased.Exit { return phased.Exit{Cause: phased.CauseOK} }

func TestValuesGoOn(t *testing.T) {
	w := newWorld(Options{})
	w.run(t, "a", "10", "A=1\nB<<E\nx\ny\nE\n", "/one\n/two\n")
	got := w.run(t, "a", "20", "A=2\nLANG=de\n", "/one\n/opt\n")
	if got["A"] != "1" || got["B"] != "x\ny" || got["PATH"] != "/two:/one:/bin:/opt" {
		t.Errorf("20 got %q", got)
	}
	got = w.run(t, "b", "10", "", "")
	if got["A"] != "2" || got["LANG"] != "de" || got["PATH"] != "/opt:/one:/two:/bin" {
		t.Errorf("b/10 got %q", got)
	}
	value := func(text string) *phased.Value { return &phased.Value{Text: phased.Text(text)} }
	want := []phased.Payload{
		phased.SpaceChanged{Phase: "a", Hook: "10", Changes: []phased.Change{
			{Kind: "environment", Name: "A", What: "set", Is: value("1")},
			{Kind: "environment", Name: "B", What: "set", Is: value("x\ny")},
			{Kind: "environment", Name: "PATH", What: "changed", Was: value("/bin:/opt"), Is: value("/two:/one:/bin:/opt")},
		}},
		phased.SpaceChanged{Phase: "a", Hook: "20", Changes: []phased.Change{
			{Kind: "environment", Name: "A", What: "changed", Was: value("1"), Is: value("2")},
			{Kind: "environment", Name: "LANG", What: "changed", Was: value("C"), Is: value("de")},
			{Kind: "environment", Name: "PATH", What: "changed", Was: value("/two:/one:/bin:/opt"), Is: value("/opt:/one:/two:/bin")},
		}},
	}
	if diff := cmp.Diff(want, w.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if left := len(w.files.files); left != 1 { // the log
		t.Errorf("files are left: %q", w.files.files)
	}
}

func TestFailedHookHandsOnNothingButItsSummary(t *testing.T) {
	w := newWorld(Options{})
	h := phased.Hook{Phase: "a", Name: "10", Attempt: 1}
	_, write := w.start(t, &h)
	write("ENV", "A=1\n")
	write("PATH", "/x\n")
	write("SUMMARY", "it failed")
	w.end(t, h, phased.Exit{Cause: phased.CauseExit, Status: 3})
	again := phased.Hook{Phase: "a", Name: "10", Attempt: 2}
	if env, write := w.start(t, &again); env["A"] != "" || env["PATH"] != "" {
		t.Errorf("the second attempt got %q", env)
	} else {
		write("ENV", "B=2\n")
	}
	w.end(t, again, ok())
	w.settle(t)
	if got := w.run(t, "a", "20", "", ""); got["A"] != "" || got["B"] != "2" {
		t.Errorf("20 got %q", got)
	}
	if s, ok := w.told[0].(phased.HookSummary); !ok || s.Text != "it failed" {
		t.Errorf("told %+v", w.told)
	}
}

func TestRefusedFilesLetTheHookFail(t *testing.T) {
	for name, tt := range map[string]struct{ env, path, want string }{
		"line":    {"A=1\nB\n", "", "/private/1.env:2: expected NAME=value"},
		"path":    {"A=1\n", "bin\n", "/private/1.path:1: expected the absolute path"},
		"fifo":    {"<fifo>", "", "/private/1.env: not a regular file; append lines"},
		"large":   {strings.Repeat("A=1\n", 1<<20+1), "", "/private/1.env: has 4194308 bytes, and 4194304 are the most"},
		"total":   {"X=1\n" + manyValues(), "", "/private/1.env:11: V9: with this, what hooks carry comes to"},
		"longest": {"", "/" + strings.Repeat("x", MaxValue-10) + "\n", "/private/1.path: with this, PATH has 131072 bytes"},
	} {
		w := newWorld(Options{})
		h := phased.Hook{Phase: "a", Name: "10"}
		_, write := w.start(t, &h)
		write("ENV", tt.env)
		write("PATH", tt.path)
		x := w.end(t, h, ok())
		w.settle(t)
		if x.Cause != phased.CauseCarry || x.Status != 1 || !strings.HasPrefix(x.Message, tt.want) {
			t.Errorf("%s: %+v, expected %q", name, x, tt.want)
		}
		if got := w.run(t, "a", "20", "", ""); len(got) != 3 {
			t.Errorf("%s: of the refused file something was taken: %q", name, got)
		}
		if _, there := w.files.files["1.env"]; !there {
			t.Errorf("%s: the refused file is gone", name)
		}
	}
}

// manyValues is a little more than may be carried.
func manyValues() string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "V%d=%s\n", i, strings.Repeat("x", MaxTotal/10))
	}
	return b.String()
}

func TestSecretsAreNotTold(t *testing.T) {
	w := newWorld(Options{})
	w.run(t, "a", "10", "DB_PASSWORD=hunter2hunter2\nURL=x:hunter2hunter2@y\n", "")
	h := phased.Hook{Phase: "a", Name: "20"}
	_, write := w.start(t, &h)
	write("SUMMARY", "by hunter2hunter2")
	w.end(t, h, ok())
	if text := fmt.Sprintf("%+v %v", w.told, w.told[0].(phased.SpaceChanged).Changes[1].Is); strings.Contains(text, "hunter2") || !strings.Contains(text, "[secret]") {
		t.Error(text)
	}
}

func TestLongSummaryIsCut(t *testing.T) {
	w := newWorld(Options{})
	h := phased.Hook{Phase: "a", Name: "10"}
	_, write := w.start(t, &h)
	write("SUMMARY", strings.Repeat("é", MaxSummary)[1:])
	w.end(t, h, ok())
	s, _ := w.told[0].(phased.HookSummary)
	if len(s.Text) != MaxSummary-1 && len(s.Text) != MaxSummary || s.Size != 2*MaxSummary-1 || !strings.HasSuffix(string(s.Text), "é") {
		t.Errorf("%d bytes of %d, ends with %q", len(s.Text), s.Size, s.Text[len(s.Text)-3:])
	}
}

func TestSourcedHooksTakeNoPart(t *testing.T) {
	w := newWorld(Options{})
	h := phased.Hook{Phase: "sourced", Name: "10", Env: []phased.Text{"X=1"}}
	if env, _ := w.start(t, &h); len(env) != 1 {
		t.Errorf("got %q", env)
	}
	if x := w.end(t, h, ok()); !x.OK() {
		t.Error(x)
	}
}

// A log that cannot be kept is phased's own failure.
func TestLogThatCannotBeKept(t *testing.T) {
	w := newWorld(Options{})
	h := phased.Hook{Phase: "a", Name: "10"}
	_, write := w.start(t, &h)
	write("ENV", "A=1\n")
	w.files.fail = errors.New("no space left on device")
	if _, err := w.After(h, &phased.Result{Exit: ok()}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
}

// A hook that runs again replaces what it had handed on, also by nothing.
func TestHookThatRunsAgain(t *testing.T) {
	first := newWorld(Options{})
	first.run(t, "a", "10", "A=1\n", "")
	first.run(t, "a", "20", "B=1\n", "")
	second := newWorld(Options{Log: first.logOf(t)})
	if err := second.Begin(); err != nil {
		t.Fatal(err)
	}
	second.run(t, "a", "10", "A=2\n", "")
	h := phased.Hook{Phase: "a", Name: "20"}
	second.start(t, &h)
	second.end(t, h, phased.Exit{Cause: phased.CauseExit, Status: 1})
	want := []Handed{{Phase: "a", Hook: "10", Set: []phased.Text{"A=2"}}}
	if diff := cmp.Diff(want, second.logOf(t).all); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	third := newWorld(Options{Log: second.logOf(t)})
	h = phased.Hook{Phase: "a", Name: "10"}
	_, write := third.start(t, &h)
	write("ENV", "A=3\nnonsense\n")
	third.end(t, h, ok())
	if l := third.logOf(t); !l.Empty() {
		t.Errorf("of a refused file something is kept: %+v", l)
	}
}

// logOf reads what a run has kept for the next one.
func (w *world) logOf(t *testing.T) *Log {
	t.Helper()
	content, found := w.files.files[LogFile]
	if !found {
		return &Log{}
	}
	l, err := DecodeLog([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// script is what hooks of one run do, and what each of them finds.
type script struct {
	name  string
	env   string
	path  string
	fails int // in the runs before this one
}

// Random hooks, some of which run beside each other and end in any order, some of
// which fail and are run again by a resume, while those that are done are passed
// over: each finds what those before it hand on that are done by then, in the order
// in which they would run one by one.
func TestResumedAndParallelAsSerial(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 150 {
		var hooks []script
		for n := range 1 + r.IntN(5) {
			for i := range 1 + r.IntN(3) {
				h := script{name: fmt.Sprintf("%d0-%d", n+1, i), fails: max(0, r.IntN(6)-3)}
				for range r.IntN(3) {
					h.env += fmt.Sprintf("V%d=%d\xff%s\n", r.IntN(4), n, h.name)
				}
				for range r.IntN(2) {
					h.path += fmt.Sprintf("/d%d\n", r.IntN(4))
				}
				hooks = append(hooks, h)
			}
		}
		done, log := map[string]bool{}, (*Log)(nil)
		for run := 0; len(done) < len(hooks); run++ {
			w := newWorld(Options{Log: log})
			if err := w.Begin(); err != nil {
				t.Fatal(err)
			}
			w.continues(t, r, hooks, run, done)
			log = w.logOf(t)
		}
	}
}

// serially returns what a hook finds behind those before it that are done.
func serially(t *testing.T, hooks []script, done map[string]bool, last string) map[string]string {
	t.Helper()
	w := newWorld(Options{})
	for _, s := range hooks {
		if done[s.name] && s.name[:2] < last[:2] {
			w.run(t, "a", s.name, s.env, s.path)
		}
	}
	return found(w.run(t, "a", last, "", ""))
}

// continues is one run under on-failure: continue. Those of a number end in any
// order.
func (w *world) continues(t *testing.T, r *rand.Rand, hooks []script, run int, done map[string]bool) {
	t.Helper()
	for _, group := range groups(hooks) {
		var running []phased.Hook
		writers := map[string]func(string, string){}
		for _, s := range group {
			if done[s.name] {
				w.Passed("a", phased.Text(s.name))
				continue
			}
			h := phased.Hook{Phase: "a", Name: phased.Text(s.name)}
			env, write := w.start(t, &h)
			if diff := cmp.Diff(serially(t, hooks, done, s.name), found(env)); diff != "" {
				t.Fatalf("of the hooks %+v, %s found (-want +got):\n%s", hooks, s.name, diff)
			}
			running, writers[s.name] = append(running, h), write
		}
		r.Shuffle(len(running), func(i, j int) { running[i], running[j] = running[j], running[i] })
		for _, h := range running {
			s := group[slices.IndexFunc(group, func(s script) bool { return s.name == string(h.Name) })]
			writers[s.name]("ENV", s.env)
			writers[s.name]("PATH", s.path)
			if s.fails > run {
				w.end(t, h, phased.Exit{Cause: phased.CauseExit, Status: 1})
				continue
			}
			w.end(t, h, ok())
			done[s.name] = true
		}
		if len(running) > 0 {
			w.settle(t)
		}
	}
}

// found is what of an environment hooks have handed on.
func found(env map[string]string) map[string]string {
	f := map[string]string{}
	for name, value := range env {
		if !strings.HasPrefix(name, "PHASED_") {
			f[name] = value
		}
	}
	return f
}

// groups parts hooks by their numbers.
func groups(hooks []script) [][]script {
	var all [][]script
	for i, h := range hooks {
		if i == 0 || hooks[i-1].name[:2] != h.name[:2] {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], h)
	}
	return all
}

func TestLogKeepsBytes(t *testing.T) {
	var l Log
	for i := range 3 {
		l.Put(Handed{Phase: "a", Hook: phased.Text(fmt.Sprintf("\xff%d", i)), Set: []phased.Text{"A=\xfe\n\"", "B=ü"}, Path: []phased.Text{"/\x80"}})
	}
	if !l.Put(Handed{Phase: "a", Hook: "\xff1"}) || l.Put(Handed{Phase: "b", Hook: "x"}) || l.Has("a", "\xff1") || !l.Has("a", "\xff2") {
		t.Errorf("%+v", l)
	}
	content, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeLog(content)
	if diff := cmp.Diff(l.all, got.all, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := DecodeLog([]byte(`{"v":2}`)); err == nil {
		t.Error("a newer log was read")
	}
}

// TestPassedOverInOrder proves that a phase which is passed over as a whole counts
// behind hooks that were passed over one by one before it.
func TestPassedOverInOrder(t *testing.T) {
	log := &Log{all: []Handed{
		{Phase: "one", Hook: "10-a", Set: []phased.Text{"V=1"}},
		{Phase: "two", Hook: "10-b", Set: []phased.Text{"V=2"}},
	}}
	w := newWorld(Options{Log: log})
	w.Passed("one", "10-a")
	w.Passed("two", "")
	if env := w.run(t, "three", "10-c", "", ""); env["V"] != "2" {
		t.Errorf("V is %q", env["V"])
	}
}

// TestTooMuchTogether proves that what does not fit, of hooks that ran together,
// does not count, so that the hooks at the end of the run can be started.
func TestTooMuchTogether(t *testing.T) {
	w := newWorld(Options{})
	w.run(t, "one", "10-a", "V=1\n", "/first\n")
	for _, name := range []phased.Text{"20-a", "20-b"} {
		h := phased.Hook{Phase: "one", Name: name}
		_, write := w.start(t, &h)
		write("PATH", "/"+strings.Repeat(string(name), MaxValue*3/5/4)+"/a\n")
		write("ENV", "V="+string(name)+"\n")
		if exit := w.end(t, h, ok()); !exit.OK() {
			t.Errorf("%s: %+v", name, exit)
		}
	}
	w.told = nil
	told, err := w.Settle()
	if err == nil || len(told) > 0 || !strings.Contains(err.Error(), "beside one/20-b") {
		t.Fatalf("%+v, %v", told, err)
	}
	if env := w.run(t, "error", "10-e", "", ""); env["V"] != "1" || env["PATH"] != "/first:/bin:/opt" {
		t.Errorf("%.200v", env)
	}
}
