package executor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"phased/internal/phased"
)

// nobody is a Sink that keeps nothing.
type nobody struct{}

func (nobody) Started(phased.Hook, phased.Process)                {}
func (nobody) Output(phased.Hook, []phased.Part, bool)            {}
func (nobody) Cut(phased.Hook, int64, int64)                      {}
func (nobody) Signalled(phased.Hook, syscall.Signal, string, int) {}
func (nobody) Warning(string)                                     {}
func (nobody) Tell(phased.Payload)                                {}

// native is what a native run gives its hooks.
func native(sink phased.Sink) phased.Setup {
	return phased.Setup{
		Sink:  sink,
		Grace: 10 * time.Second,
		Kill:  make(chan struct{}),
		Surroundings: phased.Surroundings{
			Env:   []phased.Text{"PATH=/usr/bin:/bin", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8"},
			Dir:   "/",
			Umask: 0o22,
			Stdin: "null",
		},
	}
}

func enter(tb testing.TB, p *Process, s phased.Setup) {
	tb.Helper()
	if _, err := p.Enter(context.Background(), phased.PlannedPhase{}, s); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
}

func bare(tb testing.TB, path string) {
	tb.Helper()
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{Env: []string{"PATH=/usr/bin:/bin"}, Files: []uintptr{0, 1, 2}})
	if err != nil {
		tb.Fatal(err)
	}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil || ws != 0 {
		tb.Fatal(ws, err)
	}
}

// BenchmarkNoop runs hooks that do nothing: by a bare loop of ForkExec and
// wait4, and by Process in turn with it, so that both see the same machine. Its
// ratio is what counts.
func BenchmarkNoop(b *testing.B) {
	path := program(b, "noop", "#!/bin/sh\nexit 0\n")
	for _, c := range []struct {
		name, mode string
		out        Output
	}{{"captured", "", Captured}, {"inherited", "", Inherited}, {"captured in a cgroup", phased.ContainCgroup, Captured}, {"captured under a reaper", phased.ContainReaper, Captured}} {
		b.Run(c.name, func(b *testing.B) {
			p := &Process{Output: c.out, Group: true, Marker: "PHASED_RUN_ID=bench"}
			if c.mode != "" {
				p.Contain = contained(b, c.mode)
			}
			enter(b, p, native(nobody{}))
			h := hookOf(path)
			h.Env = []phased.Text{"PHASED_RUN_ID=bench", "PHASED_LIFECYCLE=refresh", "PHASED_PHASE=configure", "PHASED_HOOK=noop", "PHASED_STATE_DIR=/var/lib/phased"}
			var base, own time.Duration
			for b.Loop() {
				t := time.Now()
				bare(b, path)
				base += time.Since(t)
				t = time.Now()
				if r, err := p.Exec(b.Context(), h); err != nil || !r.OK() {
					b.Fatal(r, err)
				}
				own += time.Since(t)
			}
			b.ReportMetric(float64(base.Microseconds())/float64(b.N), "us/bare")
			b.ReportMetric(float64(own.Microseconds())/float64(b.N), "us/hook")
			b.ReportMetric(float64(own)/float64(base), "ratio")
		})
	}
}

// BenchmarkBig captures 256 MiB of output in turn with `cat` to a file.
func BenchmarkBig(b *testing.B) {
	const size = 256 << 20
	dir := b.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, size), 0o644); err != nil {
		b.Fatal(err)
	}
	path := program(b, "big", "#!/bin/sh\nexec cat "+big+"\n")
	p := &Process{Group: true}
	enter(b, p, native(nobody{}))
	var base, own time.Duration
	for b.Loop() {
		f, err := os.Create(filepath.Join(dir, "copy"))
		if err != nil {
			b.Fatal(err)
		}
		c := exec.Command("cat", big)
		c.Stdout = f
		t := time.Now()
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
		base += time.Since(t)
		f.Close()
		os.Remove(f.Name())
		t = time.Now()
		r, err := p.Exec(b.Context(), hookOf(path))
		if err != nil || !r.OK() || r.Out != size {
			b.Fatal(r, err)
		}
		own += time.Since(t)
	}
	b.ReportMetric(float64(base.Milliseconds())/float64(b.N), "ms/cat")
	b.ReportMetric(float64(own.Milliseconds())/float64(b.N), "ms/hook")
	b.ReportMetric(float64(own)/float64(base), "ratio")
}
