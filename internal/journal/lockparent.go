package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"syscall"

	"phased/internal/proc"
)

// ShareLock takes part in the run lock of a base that the named run holds. It
// demands a proof: the process that holds the lock must be an ancestor of this
// one, so that nobody comes past a lock by naming a run. What is shared must end
// before its holder does, and a session waits for what it calls.
func (s *Store) ShareLock(ctx context.Context, base, run string) error {
	real := realPath(base)
	sum := sha256.Sum256([]byte(real))
	f, err := regular(s.path(locksDir, hex.EncodeToString(sum[:8])+".lock"), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot open run lock: %w", err)
	}
	defer f.Close()
	if err := flock(f, syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return errors.Join(fmt.Errorf("run %s does not hold the lock of %s", run, base), flock(f, syscall.LOCK_UN))
	} else if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("cannot probe the lock of %s: %w", base, err)
	}
	b := busy(ctx, f, real)
	if b.Run != run || b.Pid == 0 {
		return b
	}
	for pid := os.Getpid(); pid > 1; {
		st, err := proc.Read(pid)
		if err != nil {
			break
		}
		if pid = st.Parent; pid == b.Pid {
			return nil
		}
	}
	return fmt.Errorf("run %s is no ancestor of this process: its lock of %s cannot be shared", run, base)
}
