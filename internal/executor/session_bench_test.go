package executor

import (
	"context"
	"os"
	"testing"
	"time"

	"phased/internal/phased"
)

// BenchmarkSourced sources a hook that does nothing, in turn with a bare loop
// that executes one. Its ratio is what counts.
func BenchmarkSourced(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	path := program(b, "noop", "#!/bin/sh\nexit 0\n")
	hook := hookOf(program(b, "noop.sh", ":\n"))
	for _, blind := range []bool{false, true} {
		b.Run(map[bool]string{false: "located", true: "blind"}[blind], func(b *testing.B) {
			s := &Session{Config: &phased.Session{Options: []string{"errexit"}}, Output: Inherited, Stdout: null, Stderr: null, Blind: blind}
			p := phased.PlannedPhase{Phase: phased.Phase{Name: "install", Scope: phased.ScopeFunction, Args: []phased.Text{"stack", "install"}}}
			if _, err := s.Enter(b.Context(), p, native(nobody{})); err != nil {
				b.Fatal(err)
			}
			var base, own time.Duration
			for b.Loop() {
				t := time.Now()
				bare(b, path)
				base += time.Since(t)
				t = time.Now()
				if r, err := s.Exec(b.Context(), hook); err != nil || !r.OK() {
					b.Fatal(r, err)
				}
				own += time.Since(t)
			}
			b.ReportMetric(float64(base.Microseconds())/float64(b.N), "us/bare")
			b.ReportMetric(float64(own.Microseconds())/float64(b.N), "us/hook")
			b.ReportMetric(float64(own)/float64(base), "ratio")
			if err := s.Close(context.Background()); err != nil {
				b.Error(err)
			}
		})
	}
}
