package proc

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// The clock tells of every process what /proc does, also of those that start
// while it ticks.
func TestClockAgreesWithProc(t *testing.T) {
	var c Clock
	for i := range 300 {
		c.Starting()
		cmd := exec.Command("/bin/sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		got := c.Started(cmd.Process.Pid)
		s, err := Read(cmd.Process.Pid)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if got != s.Start {
			t.Fatalf("process %d: the clock says %d, /proc %d", i, got, s.Start)
		}
	}
	if !c.trusted {
		t.Error("the clock was not trusted, and every start time was read from /proc")
	}
}

// A clock that disagrees with /proc is not used.
func TestClockThatIsWrong(t *testing.T) {
	self, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * tick) // this process was not started just now
	var c Clock
	for range 1000 {
		c.Starting()
		if got := c.Started(os.Getpid()); got != self.Start {
			t.Fatalf("started at %d, want %d", got, self.Start)
		}
	}
	if !c.known || c.trusted {
		t.Errorf("known %v, trusted %v; want it known to be wrong", c.known, c.trusted)
	}
}

// Where a tick passes while a process is started, /proc has the last word.
func TestClockTicksMeanwhile(t *testing.T) {
	self, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	c := Clock{known: true, trusted: true, before: 1}
	if got := c.Started(os.Getpid()); got != self.Start {
		t.Errorf("started at %d, want %d", got, self.Start)
	}
}
