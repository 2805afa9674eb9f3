package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"phased/internal/proc"
)

// Busy tells who holds a run lock.
type Busy struct {
	Base  string
	Pid   int       // 0 where the holder has not said so yet
	Run   string    // "" where the holder has none yet
	Since time.Time // zero as Pid
}

func (b *Busy) Error() string {
	if b.Pid == 0 {
		return fmt.Sprintf("another run of %s is going on", b.Base)
	}
	run := "that is just beginning"
	if b.Run != "" {
		run = b.Run
	}
	return fmt.Sprintf("another run of %s is going on: run %s, pid %d, since %s", b.Base, run, b.Pid, b.Since.Local().Format(time.RFC3339))
}

// Lock is the run lock of a base directory. The kernel gives it back when the
// process ends, however that happens; hooks do not inherit it. A nil Lock is a
// share of another's: see ShareLock.
type Lock struct {
	mu   sync.Mutex
	file *os.File
	held holder
}

// holder is the content of a lock file: it is there to be told, the lock itself
// is the kernel's.
type holder struct {
	Pid   int       `json:"pid"`
	Start uint64    `json:"start"`
	Run   string    `json:"run"`
	Base  string    `json:"base"`
	Since time.Time `json:"since"`
}

// appendJSON does what json.Marshal does, which takes longer to look at the
// struct than the lock takes.
func (h holder) appendJSON(b []byte) ([]byte, error) {
	run, err := json.Marshal(h.Run)
	if err != nil {
		return nil, err
	}
	base, err := json.Marshal(h.Base)
	if err != nil {
		return nil, err
	}
	b = strconv.AppendInt(append(b, `{"pid":`...), int64(h.Pid), 10)
	b = strconv.AppendUint(append(b, `,"start":`...), h.Start, 10)
	b = append(append(b, `,"run":`...), run...)
	b = append(append(b, `,"base":`...), base...)
	b = h.Since.AppendFormat(append(b, `,"since":"`...), time.RFC3339Nano)
	return append(b, `"}`...), nil
}

// LockBase takes the run lock of a base directory, by whatever path it is
// named. wait: 0 does not wait, less than 0 waits until the context ends. The
// error is a *Busy where another holds it, also at the end of the wait.
func (s *Store) LockBase(ctx context.Context, base string, wait time.Duration) (*Lock, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	real := realPath(base)
	sum := sha256.Sum256([]byte(real))
	path := s.path(locksDir, hex.EncodeToString(sum[:8])+".lock")
	f, err := regular(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open run lock: %w", err)
	}
	if err := acquire(ctx, f, wait); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = busy(ctx, f, real)
		}
		f.Close()
		return nil, err
	}
	l := &Lock{file: f, held: holder{Pid: os.Getpid(), Base: real, Since: time.Now().UTC()}}
	if st, err := proc.Read(l.held.Pid); err == nil {
		l.held.Start = st.Start
	}
	if err := l.write(); err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return l, nil
}

// realPath names a directory the same by whatever path it is reached; a path
// that does not exist is only cleaned.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// acquire locks the file, or returns syscall.EWOULDBLOCK after the wait.
func acquire(ctx context.Context, f *os.File, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("cannot lock %s: %w", f.Name(), err)
		}
		if wait >= 0 {
			left := time.Until(deadline)
			if left <= 0 {
				return err
			}
			pause = min(pause, left)
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

// busy reads who holds the lock. It may have been taken a moment ago, and still
// say who held it before: then it is read again.
func busy(ctx context.Context, f *os.File, base string) *Busy {
	for range 20 {
		var h holder
		p, err := io.ReadAll(io.NewSectionReader(f, 0, 64<<10))
		if err == nil && json.Unmarshal(p, &h) == nil && proc.Alive(h.Pid, h.Start) {
			return &Busy{Base: base, Pid: h.Pid, Run: h.Run, Since: h.Since}
		}
		t := time.NewTimer(5 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return &Busy{Base: base}
		}
	}
	return &Busy{Base: base}
}

// write says who holds the lock. The file is never empty meanwhile.
func (l *Lock) write() error {
	p, err := l.held.appendJSON(nil)
	if err == nil {
		p = append(p, '\n')
		_, err = l.file.WriteAt(p, 0)
	}
	if err == nil && l.longer(len(p)) {
		err = l.file.Truncate(int64(len(p)))
	}
	if err != nil {
		return fmt.Errorf("cannot write run lock: %w", err)
	}
	return nil
}

// longer reports whether more stands in the file, of a holder that died. To cut
// nothing off takes the file system 20 us.
func (l *Lock) longer(n int) bool {
	var st syscall.Stat_t
	return syscall.Fstat(int(l.file.Fd()), &st) != nil || st.Size > int64(n)
}

// SetRun says which run the lock is held for.
func (l *Lock) SetRun(id string) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return errors.New("cannot write run lock: it was given back")
	}
	l.held.Run = id
	return l.write()
}

// Unlock gives the lock back. The file stays: to remove it would let two
// holders in.
func (l *Lock) Unlock() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	// A child that was forked and has not yet called exec would keep the lock.
	err := errors.Join(l.file.Truncate(0), flock(l.file, syscall.LOCK_UN), l.file.Close())
	l.file = nil
	if err != nil {
		return fmt.Errorf("cannot give run lock back: %w", err)
	}
	return nil
}
