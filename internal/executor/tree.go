package executor

import (
	"math"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

const (
	killRounds   = 50                     // how often a tree that keeps forking is killed again
	unsureRounds = 10                     // how often it is killed again where nothing of it is seen
	maxPidfds    = 256                    // held of frozen processes; more are found again by their number
	freezeRounds = 50                     // how often it is looked for before each kill
	freezePause  = 200 * time.Microsecond // for the others to get on
	// youth is the age up to which a process without an environment may be
	// about to start its first program.
	youth    = time.Second
	cellWait = 5 * time.Second        // for all of a cell to end that were killed at one stroke
	killWait = 100 * time.Millisecond // for the killed to end, a round
)

// tree is a hook with all the processes that belong to it. What was once seen
// to belong to it stays in it, also after its parent has ended.
type tree struct {
	pid   int
	pidfd int
	start uint64 // 0: unknown
	// group says that the hook leads a process group of its own. The hook must
	// not have been waited for, so that the number stays its own.
	group bool
	// wide adds the groups and sessions that members lead.
	wide bool
	// spared is a process group whose members have got the signal that phased
	// passes on, and must not get it twice; 0: none.
	spared int
	// marks are entries of the environment by which members are recognised that
	// have left everything else; none: not at all.
	marks []string
	cell  cell // that holds it together; nil: none
	// still keeps everything still while the tree is killed, until the function is
	// called that it returns; nil: nothing does.
	still func(deadline time.Time) func()
	known map[int]uint64 // members, by pid, with their start time
	// old are pids of processes that are older than the hook, or zombies, and
	// need not be read again; unclear are processes that a scan could not judge.
	old     map[int]bool
	unclear map[int]uint64
	told    map[int]proc.Stat // members that a signal was sent to, as they were then
}

// newTree returns the tree of a started hook. Without a marker and a group of
// its own only descendants belong to it, as with the originals.
func newTree(h phased.Hook, pid, pidfd int, start uint64, group bool, marker string) *tree {
	t := &tree{pid: pid, pidfd: pidfd, start: start, group: group, wide: group || marker != "", known: map[int]uint64{}, old: map[int]bool{}, unclear: map[int]uint64{}, told: map[int]proc.Stat{}}
	if marker != "" {
		t.marks = []string{marker, "PHASED_PHASE=" + h.Phase, "PHASED_HOOK=" + string(h.Name)}
	}
	return t
}

// members returns those of all that belong to the tree, the hook first and
// parents before children, and remembers them.
func (t *tree) members(all []proc.Stat, marked func(proc.Stat) bool) []proc.Stat {
	self := os.Getpid()
	in := make(map[int]bool)
	starts := make(map[int]uint64, len(all))
	children := make(map[int][]proc.Stat, len(all))
	var found []proc.Stat
	add := func(s proc.Stat) {
		if !in[s.Pid] && s.Pid != self && s.Pid > 1 {
			in[s.Pid], t.known[s.Pid] = true, s.Start
			found = append(found, s)
		}
	}
	for _, s := range all {
		starts[s.Pid] = s.Start
		children[s.Parent] = append(children[s.Parent], s)
		if s.Pid == t.pid && (t.start == 0 || s.Start == t.start) {
			t.start = s.Start
			add(s)
		}
	}
	for _, s := range all {
		if start, ok := t.known[s.Pid]; ok && start == s.Start {
			add(s)
		}
	}
	// The tree grows until a pass adds nothing: a group brings in processes
	// that have descendants, which lead sessions, and so on.
	for next := 0; ; {
		for ; next < len(found); next++ {
			for _, c := range children[found[next].Pid] {
				if c.Start >= found[next].Start {
					add(c)
				}
			}
		}
		for _, s := range all {
			if !in[s.Pid] && (t.led(s, starts) || marked != nil && s.Start >= t.start && marked(s)) {
				add(s)
			}
		}
		marked = nil // once is enough: an environment does not change
		if next == len(found) {
			return found
		}
	}
}

// led reports whether the process is in a group or session that the hook or
// another member leads, or led.
func (t *tree) led(s proc.Stat, starts map[int]uint64) bool {
	if !t.wide || s.Start < t.start {
		return false
	}
	for _, id := range [...]int{s.Group, s.Session} {
		if id == t.pid && t.group {
			return true
		}
		led, ok := t.known[id]
		if now, alive := starts[id]; ok && s.Start >= led && (!alive || now == led) {
			return true
		}
	}
	return false
}

// scan returns the members that run. It is sure that there are no others where
// there is a cell that says so: what has left it (root can) is looked for too.
func (t *tree) scan() (members []proc.Stat, sure bool, err error) {
	if t.cell == nil {
		return t.search()
	}
	in, empty, err := t.cell.look()
	if !t.cell.exact() {
		members, _, err = t.search()
	}
	for _, s := range in {
		if start, ok := t.known[s.Pid]; !ok || start != s.Start || !slices.ContainsFunc(members, func(m proc.Stat) bool { return m.Pid == s.Pid }) {
			t.known[s.Pid] = s.Start
			members = append(members, s)
		}
	}
	return members, empty && len(members) == 0, err
}

// search is scan without a cell. It is sure that there are no others unless
// one of those that it looked at may have forked another behind its back: it
// ended meanwhile, or had no environment to be seen, as a process has for a
// moment that starts a program.
func (t *tree) search() (members []proc.Stat, sure bool, err error) {
	wanted := 0
	all, err := proc.Some(func(pid int) bool {
		if t.old[pid] {
			return false
		}
		wanted++
		return true
	})
	if err != nil {
		return nil, false, err
	}
	sure = wanted == len(all)
	youngest := young()
	doubt := func(s proc.Stat, always bool) {
		if always || t.unclear[s.Pid] != s.Start { // a second time, it is as it is
			t.unclear[s.Pid] = s.Start
			sure = false
		}
	}
	for _, s := range all {
		if s.Start < t.start {
			t.old[s.Pid] = true
		} else if s.Ended() {
			t.old[s.Pid] = true
			doubt(s, false)
		}
	}
	var marked func(proc.Stat) bool
	if len(t.marks) > 0 {
		marked = func(s proc.Stat) bool {
			if s.Ended() {
				return false
			}
			has, known := proc.HasEnv(s.Pid, t.marks...)
			if !known {
				doubt(s, s.Start >= youngest)
			}
			return has
		}
	}
	return slices.DeleteFunc(t.members(all, marked), proc.Stat.Ended), sure, nil
}

// young returns the start time of processes that are as old as youth.
func young() uint64 {
	const tick = time.Second / 100 // of start times, on every architecture
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return math.MaxUint64
	}
	return uint64(max(0, time.Duration(now.Nano())-youth) / tick)
}

// signal sends the signal to the tree, the hook first, and returns to how many
// processes. What is forked meanwhile does not get it: a hook that cleans up
// when it is told to end needs its commands alive.
func (t *tree) signal(sig unix.Signal) int {
	members, _, err := t.scan()
	if err != nil { // no /proc: the hook itself at least
		members = nil
		_ = unix.PidfdSendSignal(t.pidfd, sig, nil, 0) // it may just have ended
	}
	if t.group {
		_ = unix.Kill(-t.pid, sig) // at one stroke; nobody left is no error
	}
	n := 0
	for _, s := range members {
		t.told[s.Pid] = s
		if t.spared != 0 && s.Group == t.spared {
			continue
		}
		if t.group && s.Group == t.pid || send(s, sig) == nil {
			n++
		}
	}
	return n
}

// signalLate sends the signal to members whom it has not reached, though they
// were to get it: a shell may fork once more between the signal and its own end.
// Those are what has no parent among the members any more, what has called exec
// since (a shell that was just forked takes the signal for its own), and, where
// late is set, the children of the hook's own process. Other members that are
// new clean up behind one that was told: they are left alone.
func (t *tree) signalLate(members []proc.Stat, sig unix.Signal, late bool) {
	alive := make(map[int]bool, len(members))
	for _, s := range members {
		alive[s.Pid] = true
	}
	for _, s := range members {
		told, was := t.told[s.Pid]
		was = was && told.Start == s.Start
		reached := was && told.Command == s.Command
		ours := late && s.Parent == t.pid
		if reached || t.spared != 0 && s.Group == t.spared || !was && alive[s.Parent] && !ours {
			continue
		}
		t.told[s.Pid] = s
		_ = send(s, sig) // gone is no error
	}
}

// resume lets stopped members go on, so that they can act on a signal.
func (t *tree) resume() {
	if t.group {
		_ = unix.Kill(-t.pid, unix.SIGCONT) // nobody left is no error
	}
	for pid, start := range t.known {
		_ = send(proc.Stat{Pid: pid, Start: start}, unix.SIGCONT) // gone is no error
	}
}

// kill kills the tree, and returns how many processes it killed and those that
// could not be. Members are stopped before any is killed, until no new ones
// appear: otherwise one that forks while it is looked for escapes, and one
// whose parent dies first is not found any more.
func (t *tree) kill() (int, []proc.Stat) {
	defer unix.PidfdSendSignal(t.pidfd, unix.SIGKILL, nil, 0) //nolint:errcheck // whatever /proc says, the hook itself
	count := 0
	if t.still != nil {
		defer t.still(time.Now().Add(cellWait))()
	}
	if t.cell != nil {
		count = t.cell.kill(time.Now().Add(cellWait))
	}
	killed := make(map[int]uint64)
	var left []proc.Stat
	for round := range killRounds {
		held, sure := t.freeze()
		for _, m := range held {
			if m.kill() == nil {
				killed[m.Pid] = m.Start
			}
		}
		if t.group {
			_ = unix.Kill(-t.pid, unix.SIGKILL) // what has come since; nobody left is no error
		}
		if len(held) == 0 && (sure || round >= unsureRounds) {
			return count + len(killed), nil
		}
		left = held.await(time.Now().Add(killWait))
		hit := func(s proc.Stat) bool { return killed[s.Pid] == s.Start }
		if len(left) > 0 && !slices.ContainsFunc(left, hit) {
			break // processes of another user: no right to signal them
		}
	}
	return count + len(killed), left
}

// frozen are processes that were stopped, by pid.
type frozen map[int]halted

type halted struct {
	proc.Stat
	pidfd int // -1: it is one of too many
}

// freeze stops all members that run, until no pass finds new ones. It is not
// sure of them where something kept forking all the while.
func (t *tree) freeze() (held frozen, sure bool) {
	held = make(frozen)
	clear(t.old) // a pid may have been given out again
	for range freezeRounds {
		if t.group {
			_ = unix.Kill(-t.pid, unix.SIGSTOP) // nobody left is no error
		}
		var members []proc.Stat
		var err error
		members, sure, err = t.scan()
		for _, s := range members {
			if old, ok := held[s.Pid]; !ok || old.Start != s.Start {
				sure = false
				held.stop(s)
			}
		}
		if err != nil || sure {
			break
		}
		time.Sleep(freezePause)
	}
	return held, sure
}

// stop stops the process and holds it.
func (f frozen) stop(s proc.Stat) {
	fd, err := open(s)
	if err != nil {
		return // it has gone
	}
	_ = sendTo(fd, s, unix.SIGSTOP) // what cannot be stopped may still be killed
	if fd >= 0 && len(f) >= maxPidfds {
		unix.Close(fd)
		fd = -1
	}
	if old, ok := f[s.Pid]; ok && old.pidfd >= 0 {
		unix.Close(old.pidfd)
	}
	f[s.Pid] = halted{s, fd}
}

func (m halted) kill() error {
	if m.pidfd < 0 {
		return send(m.Stat, unix.SIGKILL)
	}
	return unix.PidfdSendSignal(m.pidfd, unix.SIGKILL, nil, 0)
}

// await waits until the processes have ended, lets go of them, and returns those
// that have not.
func (f frozen) await(deadline time.Time) []proc.Stat {
	var left []proc.Stat
	for _, m := range f {
		fds := []unix.PollFd{{Fd: int32(m.pidfd), Events: unix.POLLIN}}
		for m.pidfd >= 0 && fds[0].Revents == 0 && time.Now().Before(deadline) && poll(fds, deadline) == nil {
		}
		if m.pidfd >= 0 {
			unix.Close(m.pidfd)
		}
		if proc.Alive(m.Pid, m.Start) {
			left = append(left, m.Stat)
		}
	}
	return left
}

// open returns a pidfd of exactly that process: a pid may have been given out
// again since it was read. It returns -1 where there is the process, but no
// pidfd to be had (too many open files), and unix.ESRCH where it has gone.
func open(s proc.Stat) (int, error) {
	fd, err := unix.PidfdOpen(s.Pid, 0)
	if err != nil {
		fd = -1
	}
	now, err := proc.Read(s.Pid)
	if err != nil || now.Start != s.Start {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, unix.ESRCH
	}
	return fd, nil
}

func send(s proc.Stat, sig unix.Signal) error {
	fd, err := open(s)
	if err != nil {
		return err
	}
	if fd >= 0 {
		defer unix.Close(fd)
	}
	return sendTo(fd, s, sig)
}

func sendTo(fd int, s proc.Stat, sig unix.Signal) error {
	if fd >= 0 {
		return unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	return unix.Kill(s.Pid, sig)
}
