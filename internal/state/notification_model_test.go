package state

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"phased/internal/faultdisk"
	"phased/internal/phased"
)

// errKilled stands for the end of the process: nothing that it asks for happens.
var errKilled = errors.New("killed")

// played is one random story of hooks that notify and hooks that serve, on a disk
// that may fail in any operation, and what must be true in it. A moment is a number
// that grows.
type played struct {
	t      *testing.T
	random *rand.Rand
	root   string
	disk   *faultdisk.Disk // nil: nothing fails any more
	store  Store
	power  bool // what was not synced may be lost
	now    int

	said, maybe map[string]int // by name: when it was last said for certain, and when perhaps
	lines       map[phased.Text][]string
	dropped     map[phased.Text]bool // by hook: its notes were taken for good
	last        map[phased.Text]int  // by handler: when the run began that it has served last, for certain
	perhaps     map[phased.Text]int  // the same, where it died in between
	runs        int
}

const someRun = "01KAXQ0C4V01KAXQ0C4V01KAXQ"

// handlers are those of the story, and what each waits for.
func handlers() map[phased.Text][]string {
	return map[phased.Text][]string{"10-nginx": {"nginx"}, "20-both": {"nginx", "php"}, "30-php": {"php"}}
}

func (p *played) tick() int { p.now++; return p.now }

// say is what phased notify does.
func (p *played) say(name string, hook phased.Text) error {
	at := p.tick()
	p.maybe[name] = at
	err := p.store.Notify(note1(name, hook))
	if err == nil {
		p.said[name] = at
	}
	return err
}

// write is a line in PHASED_NOTIFY, by a hook that runs.
func (p *played) write(name string, hook phased.Text) error {
	path := p.store.NotesPath(someRun, theScope().Hook("configure", hook))
	p.dropped[hook] = false // also where it dies in here: a new file may be there, without a line
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, os.ErrNotExist) {
		f, err = p.store.disk.Create(path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = p.store.disk.Write(f, []byte(name+"\n")); err == nil {
		p.lines[hook] = append(p.lines[hook], name)
	}
	return err
}

// end is what the runner does when a hook has ended.
func (p *played) end(hook phased.Text) error {
	return p.take(p.store.NotesPath(someRun, theScope().Hook("configure", hook)), hook)
}

func (p *played) take(path string, hook phased.Text) error {
	n, found, err := p.store.ReadNotes(path)
	if err != nil || !found {
		return err
	}
	for _, name := range n.Names {
		if err := p.say(name, hook); err != nil {
			return err
		}
	}
	delete(p.lines, hook) // they are said
	if err = p.store.DropNotes(path); err == nil {
		p.dropped[hook] = true
	}
	return err
}

// turn is the turn of a handler: it runs, or is passed over, as it must.
func (p *played) turn(handler phased.Text, meanwhile func() error) error {
	h := theScope().Hook("post", handler)
	names := handlers()[handler]
	_, ids := pending(p.t, p.store, h, names...)
	must, may := false, false
	for _, name := range names {
		must = must || p.said[name] > max(p.last[handler], p.perhaps[handler])
		may = may || p.maybe[name] > p.last[handler]
	}
	switch {
	case must && len(ids) == 0:
		p.t.Fatalf("at %d: %s is passed over, and was notified: said %v, served last at %d", p.now, handler, p.said, p.last[handler])
	case !may && len(ids) > 0:
		p.t.Fatalf("at %d: %s runs again, and nothing was said since it ran at %d: %v", p.now, handler, p.last[handler], p.maybe)
	case len(ids) == 0:
		return nil
	}
	began := p.tick()
	p.runs++
	if err := meanwhile(); err != nil {
		return err
	}
	if p.random.IntN(4) == 0 {
		return nil // it has failed
	}
	p.perhaps[handler] = began
	err := p.store.Serve(serve(h, ids...))
	if err == nil {
		p.last[handler] = began
	}
	return err
}

// settle is what the runner does at the end of a run.
func (p *played) settle() error {
	all, err := p.store.Notifications(theScope())
	if err != nil {
		p.t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(n phased.Notification) bool {
		for handler, names := range handlers() {
			if slices.Contains(names, n.Name) {
				if was, err := p.store.Served(theScope().Hook("post", handler)); err != nil || !slices.Contains(was.IDs, n.ID) {
					return true
				}
			}
		}
		return false
	})
	_, err = p.store.Drop(all)
	return err
}

// recover is what the next run does first.
func (p *played) recover() {
	left, err := p.store.Untaken(theScope())
	if err != nil {
		p.t.Fatal(err)
	}
	if !p.power {
		for hook, names := range p.lines {
			if len(names) > 0 && !slices.ContainsFunc(left, func(u Untaken) bool { return u.Of(theScope().Hook("configure", hook)) }) {
				p.t.Fatalf("%q of %s are lost", names, hook)
			}
		}
	}
	for _, u := range left {
		for _, hook := range notifiers() {
			if u.Of(theScope().Hook("configure", hook)) {
				if p.dropped[hook] {
					p.t.Fatalf("at %d: what %s had said is there again, and would be said again", p.now, hook)
				}
				must(p.t, p.take(u.Path, hook))
			}
		}
	}
	clear(p.lines)
}

func notifiers() []phased.Text { return []phased.Text{"20-render", "30-certs"} }

// step does one random thing.
func (p *played) step() error {
	names := []string{"nginx", "php"}
	name, hook := names[p.random.IntN(2)], notifiers()[p.random.IntN(2)]
	switch p.random.IntN(7) {
	case 0:
		return p.say(name, hook)
	case 1:
		return p.write(name, hook)
	case 2:
		return p.end(hook)
	case 3:
		return p.settle()
	default:
		all := []phased.Text{"10-nginx", "20-both", "30-php"}
		return p.turn(all[p.random.IntN(3)], func() error { // beside it another hook may run
			switch p.random.IntN(4) {
			case 0:
				return p.say(name, hook)
			case 1:
				return p.end(hook)
			}
			return nil
		})
	}
}

// dies ends the process, or the host, and lets the next one begin.
func (p *played) dies() {
	if p.power {
		found := p.t.TempDir()
		pick := func(n int) int { return p.random.IntN(n + 1) }
		must(p.t, p.disk.PowerCut(found, pick, faultdisk.Nothing))
		for _, d := range []string{"/private", "/private/" + notifications, "/private/" + serveds, "/private/" + notes} {
			if err := os.Chmod(found+d, 0o700); err != nil && !os.IsNotExist(err) {
				p.t.Fatal(err)
			}
		}
		p.root = found
	}
	p.disk, p.store = nil, New(p.root)
	p.store.disk = faultdisk.New(p.root) // which does not wait for the real one
	must(p.t, p.store.ReadyNotes())
	p.recover()
}

// play plays a story of some steps, in which operation at of the disk goes wrong;
// it returns how many operations there were.
func play(t *testing.T, seed uint64, power bool, at int) (operations, runs int) {
	f := newFaulty(t)
	p := &played{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), root: f.root, disk: f.disk, store: f.store, power: power,
		said: map[string]int{}, maybe: map[string]int{}, lines: map[phased.Text][]string{}, dropped: map[phased.Text]bool{}, last: map[phased.Text]int{}, perhaps: map[phased.Text]int{},
	}
	must(t, p.store.ReadyNotes())
	ready := len(f.disk.Done())
	if at > 0 {
		err := errKilled
		if power {
			err = faultdisk.ErrPower
		}
		f.disk.Fail(ready+at, 1<<30, err, at%20)
	}
	const steps = 25
	for range steps {
		if p.step() != nil {
			if at == 0 {
				t.Fatal("something fails on a good disk")
			}
			operations = len(f.disk.Done())
			p.dies()
			at = 0
		}
	}
	if p.disk != nil {
		operations = len(f.disk.Done())
	}
	for range 3 { // in the end all is served, once; some fail
		for _, handler := range []phased.Text{"10-nginx", "20-both", "30-php"} {
			must(t, p.turn(handler, func() error { return nil }))
		}
		must(t, p.settle())
	}
	return operations - ready, p.runs
}

// TestStoriesOfNotifications plays random stories, and each of them again with the
// process killed, and the power gone, in its operations (each fifth outside of a soak): no notification is
// lost that was put down, and no handler runs again that has served all.
func TestStoriesOfNotifications(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("PHASED_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("PHASED_SEED=%d", seed)
	stories, step := 3, 5
	if n, err := strconv.Atoi(os.Getenv("PHASED_SOAK")); err == nil && n > 0 {
		stories, step = 20*n, 1
	}
	played, deaths := 0, 0
	for i := range stories {
		operations, runs := play(t, seed+uint64(i), false, 0)
		played += runs
		for at := 1 + i%step; at <= operations; at += step {
			play(t, seed+uint64(i), false, at)
			play(t, seed+uint64(i), true, at)
			deaths += 2
		}
	}
	t.Logf("%d handlers ran in %d stories, which were ended in %d places", played, stories, deaths)
	if played == 0 || deaths == 0 {
		t.Error("nothing was played")
	}
}
