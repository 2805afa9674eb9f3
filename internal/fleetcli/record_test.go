package fleetcli

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
)

// A record as a busy host has it: made by the journal, so that it is read as any
// other.
const (
	manyRuns = 2000
	runHooks = 50   // of each: 2 events a hook, 200,000 in all, and their output
	bigHooks = 1000 // of one more
	someDays = 90 * 24 * time.Hour
)

// diary writes one run.
type diary struct {
	id    string
	began time.Time
	at    time.Duration
	seq   uint64
	all   []phased.Event
}

func (d *diary) tell(after time.Duration, data phased.Payload) {
	d.at += after
	d.seq++
	d.all = append(d.all, phased.Event{Run: d.id, Seq: d.seq, Time: d.began.Add(d.at), Mono: d.at, Data: data})
}

// writeRecord makes a record in a directory, and returns the id of the run with
// the many hooks, which is the last.
func writeRecord(t testing.TB, dir string, runs, hooks, big int) string {
	t.Helper()
	s, err := journal.Open(dir, journal.Options{Create: true, Durability: "none"})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	end := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	for i := range runs + 1 {
		d := &diary{began: end.Add(-someDays / time.Duration(runs) * time.Duration(runs-i))}
		d.id = journal.NewID(d.began)
		n := hooks
		if i == runs {
			n = big
		}
		d.run(r, n)
		w, err := s.Begin(d.id)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(d.all...); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if i == runs {
			return d.id
		}
	}
	return ""
}

// run tells a whole run: four phases, hooks that write a little, and of some runs
// a failure.
func (d *diary) run(r *rand.Rand, hooks int) {
	phases := []string{"pre-configure", "configure", "post-configure", "migration"}
	env := make([]phased.Text, 25)
	for i := range env {
		env[i] = phased.Text(fmt.Sprintf("VARIABLE_%d=%s", i, strings.Repeat("v", 30)))
	}
	base := phased.Text([]string{"/etc/phased/refresh", "/srv/hooks/web", "/opt/stack/os-config"}[r.IntN(3)])
	d.tell(0, phased.RunStarted{
		Lifecycle: "refresh", Base: base, Host: "web-17", BootID: "3f1e0d5c-8c1a-4f52-9d4b-7d1f5b9a2c10", Version: "1.5.0",
		Argv: []phased.Text{"phased", "run", "--base", base}, Pid: 1 << 30, PidStart: 12345, Output: "captured", User: "root",
		PlanDigest: strings.Repeat("ab", 32), Phases: phases, Hooks: hooks,
		Surroundings: phased.Surroundings{Env: env, Dir: "/", Umask: 18, Stdin: "null"},
	})
	fails := -1
	if r.IntN(20) == 0 && hooks < bigHooks {
		fails = hooks/2 + r.IntN(hooks/2)
	}
	var failure *phased.Failure
	ran := 0
	for p, phase := range phases {
		from, to := hooks*p/len(phases), hooks*(p+1)/len(phases)
		started := phased.PhaseStarted{Phase: phase, Dirs: []phased.Text{base + "/" + phased.Text(phase) + ".d"}}
		name := func(i int) phased.Text { return phased.Text(fmt.Sprintf("%02d-hook-%04d", i%100, i)) }
		for i := from; i < to; i++ {
			started.Entries = append(started.Entries, phased.Entry{Name: name(i), Path: started.Dirs[0] + "/" + name(i), Verdict: phased.VerdictRun})
		}
		d.tell(time.Millisecond, started)
		status := phased.StatusSucceeded
		for i := from; i < to && failure == nil; i++ {
			exit := phased.Exit{Cause: phased.CauseOK}
			if i == fails {
				exit = phased.Exit{Cause: phased.CauseExit, Status: 1}
				failure = &phased.Failure{Phase: phase, Hook: name(i), Path: started.Dirs[0] + "/" + name(i), Exit: exit}
				status = phased.StatusFailed
			}
			d.hook(r, phase, name(i), started.Dirs[0], exit)
			ran++
		}
		d.tell(time.Millisecond, phased.PhaseFinished{Phase: phase, Status: status, Took: d.at / 4})
		if failure != nil {
			d.tell(0, phased.RunFailed{Failure: *failure})
			break
		}
	}
	done := phased.RunFinished{Status: phased.StatusSucceeded, Took: d.at, Ran: ran}
	if failure != nil {
		done.Status, done.ExitCode, done.Failed, done.Failure = phased.StatusFailed, 1, 1, failure
	}
	d.tell(time.Millisecond, done)
}

func (d *diary) hook(r *rand.Rand, phase string, name, dir phased.Text, exit phased.Exit) {
	d.tell(time.Millisecond, phased.HookStarted{Phase: phase, Hook: name, Path: dir + "/" + name, Pid: 1 << 30, PidStart: 7})
	took := time.Duration(1+r.IntN(300)) * time.Millisecond
	text := phased.Text(fmt.Sprintf("rendering the file of %s\n%s\ndone\n", name, strings.Repeat("a line of what it does; ", r.IntN(12))))
	d.tell(took, phased.HookOutput{Phase: phase, Hook: name, Stream: "out", Text: text})
	d.tell(time.Millisecond, phased.HookFinished{
		Phase: phase, Hook: name, Exit: exit, Took: took, Out: int64(len(text)),
		Usage: &phased.Usage{User: took / 3, System: took / 10, MaxRSS: 4 << 20},
	})
}
