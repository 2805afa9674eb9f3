package proc

import (
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of start times, on every architecture that Go runs on.
const tick = time.Second / 100

// Clock tells the start time of a process without reading /proc, which takes as
// long as everything else that is done for a hook. The zero value is ready; it
// serves one goroutine.
//
// The kernel makes a start time of the clock of boot time, by cutting off what is
// less than a tick: where that clock shows the same tick before and after a
// process was started, the tick is its start time. That this holds here (it is
// an emulated kernel that may see it differently) is seen by the first process,
// whose start time is read from /proc, too.
type Clock struct {
	before  uint64
	known   bool // that the clock agrees with /proc, or does not
	trusted bool
}

// Starting is called before a process is started.
func (c *Clock) Starting() { c.before = ticks() }

// Started returns the start time of the process that was started since
// Starting; 0 where it is not to be had.
func (c *Clock) Started(pid int) uint64 {
	start := ticks()
	sure := start != 0 && start == c.before
	if sure && c.trusted {
		return start
	}
	s, err := Read(pid)
	if err != nil {
		return 0
	}
	if sure && !c.known {
		c.known, c.trusted = true, s.Start == start
	}
	return s.Start
}

// ticks is what the clock of boot time shows; 0 where there is none.
func ticks() uint64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	return uint64(now.Nano()) / uint64(tick)
}

// Now is the time since boot, as Age takes it; 0 where there is no such clock.
func Now() time.Duration { return time.Duration(ticks()) * tick }

// Age returns how long before now, a time since boot, a process was started.
func Age(start uint64, now time.Duration) time.Duration {
	return max(0, now-time.Duration(start)*tick)
}
