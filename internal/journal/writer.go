package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// durability says which events are synced to the disk.
type durability int

const (
	syncNone  durability = iota - 1 // nothing: the kernel writes it when it likes
	syncRun                         // run.started and the last event
	syncPhase                       // and phase.finished
	syncHook                        // and hook.started and hook.finished
)

func parseDurability(s string) (durability, error) {
	switch s {
	case "none":
		return syncNone, nil
	case "run":
		return syncRun, nil
	case "phase", "":
		return syncPhase, nil
	case "hook":
		return syncHook, nil
	}
	return 0, fmt.Errorf("durability is %q; it must be run, phase or hook", s)
}

// When an event is to be on the disk.
const (
	whenever   = iota
	soon       // its sync is started, and joined by the next one
	atOnce     // before Append returns
	soonAndDir // soon, and the directory entry with it
)

func (d durability) when(p phased.Payload) int {
	if d == syncNone {
		return whenever
	}
	switch p.(type) {
	case phased.RunStarted:
		return soonAndDir
	case phased.RunFinished, phased.RunInterrupted, phased.RunWaiting:
		return atOnce
	case phased.PhaseFinished:
		if d >= syncPhase {
			return atOnce
		}
	case phased.HookStarted:
		if d >= syncHook {
			return soon
		}
	case phased.HookFinished:
		if d >= syncHook {
			return atOnce
		}
	}
	return whenever
}

// aheadSize is how much is written before the kernel is asked to begin to write
// it to the disk.
const aheadSize = 1 << 20

// Writer appends to one run file and holds its lock. Its methods may be called
// from any goroutine.
type Writer struct {
	id     string
	path   string
	marker string
	dir    string // that the file lies in
	level  durability
	disk   disk

	mu      sync.Mutex
	file    *os.File
	buf     []byte
	size    int64      // end of the last good line
	seq     uint64     // of it
	err     error      // the first one: it sticks
	last    bool       // the final event is in the file
	ran     bool       // a hook was started since a phase's end was synced
	closed  bool       // by Close
	syncing chan error // gets the outcome of the sync that goes on; nil: none does
	asked   int64      // up to here the kernel was asked to begin to write to the disk
	asking  atomic.Bool
	asks    sync.WaitGroup
	wake    chan struct{}
	done    chan struct{} // closed when nothing comes any more
}

// Begin creates the file of a new run, locked, and its marker in open/. The
// marker is a second name of the run file, and comes first: whoever finds a
// live run file finds its marker.
func (s *Store) Begin(id string) (*Writer, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	if !validID(id) {
		return nil, fmt.Errorf("cannot begin a run: %q is not a run id", id)
	}
	w := &Writer{id: id, path: s.RunFile(id), marker: s.path(openDir, id), dir: s.path(runsDir), level: s.level, disk: s.disk, done: make(chan struct{})}
	f, err := s.create(w.marker)
	if err != nil {
		return nil, fmt.Errorf("cannot begin run %s: %w", id, err)
	}
	if err := s.disk.Link(w.marker, w.path); err != nil {
		_ = s.disk.Remove(w.marker)
		f.Close()
		return nil, fmt.Errorf("cannot begin run %s: %w", id, err)
	}
	w.file = f
	return w, nil
}

// create makes the marker, and returns it locked. Until it is locked nobody but
// its owner can open it, and the only one who does is a CloseDead that takes it
// for a dead run's and removes it: then it is made again.
func (s *Store) create(marker string) (*os.File, error) {
	for {
		f, err := s.disk.Create(marker)
		if err != nil {
			return nil, err
		}
		if err = s.claim(f); err == nil {
			return f, nil
		}
		f.Close()
		if !errors.Is(err, fs.ErrNotExist) {
			_ = s.disk.Remove(marker)
			return nil, err
		}
	}
}

func (s *Store) claim(f *os.File) error {
	if err := flock(f, syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock %s: %w", f.Name(), err)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Nlink == 0 {
		return fs.ErrNotExist
	}
	if s.group >= 0 {
		// Without the right to, the file stays with our own group.
		_ = f.Chown(-1, s.group)
	}
	return f.Chmod(0o640)
}

// ID returns the run's id.
func (w *Writer) ID() string { return w.id }

// Path returns the run file's path.
func (w *Writer) Path() string { return w.path }

// Append records the events, in order, and returns when they are in the file;
// those that the durability names are then on the disk. The first error sticks:
// nothing is written behind a hole. It can be used as an engine.Record.
func (w *Writer) Append(events ...phased.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && len(events) > 0 {
		if err := w.append(events); err != nil {
			w.err = fmt.Errorf("cannot record run %s: %w", w.id, err)
		}
	}
	return w.err
}

func (w *Writer) append(events []phased.Event) error {
	if w.closed {
		return errors.New("its file is closed")
	}
	b, seq, last, when := w.buf[:0], w.seq, w.last, whenever
	var err error
	for _, e := range events {
		switch {
		case e.Data == nil:
			return errors.New("an event has no data")
		case e.Run != w.id:
			return fmt.Errorf("event %d is of run %q", e.Seq, e.Run)
		case e.Seq != seq+1:
			return fmt.Errorf("event %d follows event %d", e.Seq, seq)
		case last:
			return fmt.Errorf("event %d follows the final one", e.Seq)
		}
		if b, err = appendLine(b, e); err != nil {
			return err
		}
		seq, last, when = e.Seq, e.Closing(), max(when, w.when(e.Data))
	}
	if w.buf = b; cap(b) > 1<<20 {
		w.buf = nil
	}
	if err := w.write(b); err != nil {
		return err
	}
	w.seq, w.last = seq, last
	w.ahead()
	if w.wake != nil {
		close(w.wake)
		w.wake = nil
	}
	if last {
		close(w.done)
	}
	return w.sync(when)
}

// when says when an event is to be on the disk. The end of a phase that has run
// nothing tells nothing that is worth a wait.
func (w *Writer) when(p phased.Payload) int {
	switch p.(type) {
	case phased.HookStarted:
		w.ran = true
	case phased.PhaseFinished:
		if !w.ran {
			return whenever
		}
		w.ran = false
	}
	return w.level.when(p)
}

// write puts whole lines at the end of the file, with one write(2). Where that
// fails half way, a torn line is cut off again; whole ones stay, as others may
// have read them.
func (w *Writer) write(b []byte) error {
	if err := w.untouched(); err != nil {
		return err
	}
	n, err := w.disk.Write(w.file, b)
	if err == nil {
		w.size += int64(n)
		return nil
	}
	w.size += int64(bytes.LastIndexByte(b[:n], '\n') + 1)
	if n > 0 {
		if cut := w.disk.Truncate(w.file, w.size); cut != nil {
			return fmt.Errorf("%w; then cannot cut the torn line off: %v", err, cut)
		}
	}
	return err
}

// untouched returns an error where the file is not as it was left: a hook runs
// as whoever writes the record and can reach it. It costs one system call; what is
// changed in place is left to the checksum of each line.
func (w *Writer) untouched() error {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(w.file.Fd()), &st); err != nil {
		return fmt.Errorf("cannot look at %s: %w", w.path, err)
	}
	switch {
	case st.Size != w.size:
		return fmt.Errorf("%s was changed by somebody else: it has %d bytes, and %d were written", w.path, st.Size, w.size)
	case st.Nlink < 2: // it is in runs/ and open/ until it is closed
		return fmt.Errorf("%s, or its name in open/, was removed or replaced by somebody else", w.path)
	}
	return nil
}

// ahead lets the kernel begin to write to the disk what the file has grown by,
// while hooks run: less of it is left to wait for when it is synced. That alone
// makes nothing durable, and what goes wrong is told by the sync.
func (w *Writer) ahead() {
	if w.level == syncNone || w.size-w.asked < aheadSize || !w.asking.CompareAndSwap(false, true) {
		return
	}
	from := w.asked
	w.asked = w.size &^ int64(os.Getpagesize()-1) // the last page is still to grow
	n := w.asked - from
	w.asks.Go(func() { // it waits where the disk has much to do
		_ = unix.SyncFileRange(int(w.file.Fd()), from, n, unix.SYNC_FILE_RANGE_WRITE)
		w.asking.Store(false)
	})
}

func (w *Writer) sync(when int) error {
	if when == whenever {
		return nil
	}
	if err := w.join(); err != nil {
		return err
	}
	if when == atOnce {
		return w.disk.Sync(w.file)
	}
	w.syncing = make(chan error, 1)
	go func(f *os.File, result chan<- error) {
		err := w.disk.Sync(f)
		if err == nil && when == soonAndDir {
			err = w.disk.SyncDir(w.dir)
		}
		result <- err
	}(w.file, w.syncing)
	return nil
}

// join waits for the sync that goes on.
func (w *Writer) join() error {
	if w.syncing == nil {
		return nil
	}
	err := <-w.syncing
	w.syncing = nil
	return err
}

// Close waits for what is being synced, takes the marker away where the final
// event is in the file, and gives the lock back. It returns the first error of
// the whole writing.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.err
	}
	w.closed = true
	w.asks.Wait()
	err := w.join()
	if w.last && w.err == nil && err == nil {
		if err = w.disk.Remove(w.marker); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	// A child that was forked and has not yet called exec would keep the lock.
	err = errors.Join(err, flock(w.file, syscall.LOCK_UN), w.file.Close())
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("cannot close run %s: %w", w.id, err)
	}
	if !w.last {
		close(w.done)
	}
	if w.wake != nil {
		close(w.wake)
		w.wake = nil
	}
	return w.err
}
