package stats_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/stats"
)

// TestTimes: of each hook its last attempt, where its end counts.
func TestTimes(t *testing.T) {
	run := oneRun("a:1:2:3 a:1:5:ok b:1:1:3 c:1:9:stopped d:1:0:skipped e:1:0:running f:1:7:timeout")
	want := []stats.Time{
		{Phase: "configure", Hook: "a", Took: 5 * s}, {Phase: "configure", Hook: "b", Took: s, Failed: true}, {Phase: "configure", Hook: "f", Took: 7 * s, Failed: true},
	}
	if d := cmp.Diff(want, stats.Times(&run)); d != "" {
		t.Error(d)
	}
}

// TestUsualOfIsThatOfARecord: one rule, by whatever way.
func TestUsualOfIsThatOfARecord(t *testing.T) {
	var runs []string
	var times []time.Duration
	for i := range 70 {
		n := i * 7919 % 100
		runs = append(runs, fmt.Sprintf("a:1:%d:ok", n))
		times = append([]time.Duration{time.Duration(n) * s}, times...)
	}
	want, _ := record(runs...).Baselines().Usual("configure", "a")
	got, ok := stats.UsualOf(times)
	if !ok || got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	if _, ok := stats.UsualOf(nil); ok {
		t.Error("of nothing there is something usual")
	}
}
