package executor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"phased/internal/phased"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "__drain" {
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			os.Exit(2)
		}
		os.Exit(DrainMain(n))
	}
	if len(os.Args) == 2 && os.Args[1] == "__reap" {
		os.Exit(ReaperMain())
	}
	if len(os.Args) > 1 && os.Args[1] == "__run" {
		os.Exit(runAlone(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// marker is unlike that of any other process that runs these tests: processes of
// theirs would belong to the trees.
var marker = "PHASED_RUN_ID=test-" + strconv.Itoa(os.Getpid())

// patience bounds every wait for a condition. It is never reached in a test
// that passes.
const patience = 60 * time.Second

// recorder is a Sink that keeps all it is told.
type recorder struct {
	mu       sync.Mutex
	started  []phased.Process
	out, err bytes.Buffer // both without what came late
	late     bytes.Buffer
	calls    []string // "out", "err", "cut", in order; neighbours of the same stream once
	sizes    []int    // bytes of each batch
	pieces   []string // parts, in order
	cuts     []int64
	cutAt    []int // bytes of output that had come before the cut
	signals  []string
	reasons  []string
	counts   []int
	warnings []string
	told     []phased.Payload
	misuse   []string
	onStart  func(phased.Process)
}

func (r *recorder) Started(_ phased.Hook, p phased.Process) {
	r.mu.Lock()
	r.started = append(r.started, p)
	f := r.onStart
	r.mu.Unlock()
	if f != nil {
		f(p)
	}
}

func (r *recorder) call(what string) {
	if len(r.calls) == 0 || r.calls[len(r.calls)-1] != what {
		r.calls = append(r.calls, what)
	}
}

func (r *recorder) Output(_ phased.Hook, parts []phased.Part, late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.started) == 0 {
		r.misuse = append(r.misuse, "output before the start")
	}
	size := 0
	for _, p := range parts {
		size += len(p.Bytes)
		if len(p.Bytes) == 0 {
			r.misuse = append(r.misuse, "empty part")
		}
		if late {
			r.late.Write(p.Bytes)
			continue
		}
		r.call(p.Stream)
		r.pieces = append(r.pieces, string(p.Bytes))
		switch p.Stream {
		case "out":
			r.out.Write(p.Bytes)
		case "err":
			r.err.Write(p.Bytes)
		default:
			r.misuse = append(r.misuse, "stream "+p.Stream)
		}
	}
	r.sizes = append(r.sizes, size)
}

func (r *recorder) Cut(_ phased.Hook, dropped, _ int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.call("cut")
	r.cuts = append(r.cuts, dropped)
	r.cutAt = append(r.cutAt, r.out.Len()+r.err.Len())
}

func (r *recorder) Signalled(_ phased.Hook, sig syscall.Signal, reason string, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signals = append(r.signals, phased.SignalName(sig))
	r.reasons = append(r.reasons, reason)
	r.counts = append(r.counts, count)
}

func (r *recorder) Tell(p phased.Payload) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, p)
}

func (r *recorder) Warning(m string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, m)
}

// pid returns the process id of the first hook; 0: nothing has started yet.
func (r *recorder) pid() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.started) == 0 {
		return 0
	}
	return r.started[0].Pid
}

func (r *recorder) stdout() string { r.mu.Lock(); defer r.mu.Unlock(); return r.out.String() }
func (r *recorder) stderr() string { r.mu.Lock(); defer r.mu.Unlock(); return r.err.String() }
func (r *recorder) after() string  { r.mu.Lock(); defer r.mu.Unlock(); return r.late.String() }

func (r *recorder) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.misuse {
		t.Errorf("misuse of the sink: %s", m)
	}
	for _, m := range r.warnings {
		t.Errorf("unexpected warning: %s", m)
	}
}

// await waits for a condition.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// program makes an executable file. No process is started meanwhile: it would
// inherit the open file, and the kernel refuses to run one that is open.
func program(tb testing.TB, name, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		tb.Fatal(err)
	}
	return path
}

func hookOf(path string, args ...string) phased.Hook {
	h := phased.Hook{Phase: "configure", Name: phased.Text(filepath.Base(path)), Path: phased.Text(path)}
	for _, a := range args {
		h.Args = append(h.Args, phased.Text(a))
	}
	return h
}

// read reads a file that may not be there yet.
func content(path string) string {
	p, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(p))
}

// pidIn waits until the file holds a number.
func pidIn(t *testing.T, path string) int {
	t.Helper()
	pid := 0
	await(t, "a pid in "+path, func() bool {
		p, err := os.ReadFile(path)
		if err != nil || !bytes.HasSuffix(p, []byte("\n")) {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(p)))
		return err == nil
	})
	return pid
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("out %q err %q late %q signals %v", r.out.String(), r.err.String(), r.late.String(), r.signals)
}
