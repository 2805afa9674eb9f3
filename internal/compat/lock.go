package compat

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

const defaultLockFile = "/var/run/os-refresh-config.lock"

// takeLock opens and locks the lock file, and writes into it who has it. The
// lock is held until unlock, and no hook gets it. status is the exit status
// where there is none to be had.
func takeLock(say *console, path string) (lock *os.File, status int) {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_APPEND|syscall.O_CREAT|syscall.O_CLOEXEC, 0o666)
	if err != nil {
		say.lockError("open", path, err)
		return nil, 1
	}
	lock = os.NewFile(uintptr(fd), path)
	if err := flock(fd); err != nil {
		lock.Close()
		say.log(levelError, "Could not lock %s. %s", path, pyError(err))
		var no syscall.Errno
		errors.As(err, &no)
		return nil, int(no)
	}
	if err := syscall.Ftruncate(fd, 0); err != nil {
		lock.Close()
		say.lockError("empty", path, err)
		return nil, 1
	}
	// Whoever looks into the file during the run sees whose it is. That it
	// cannot be written is no reason not to run.
	_, _ = fmt.Fprintf(lock, "Locked by pid==%d at %s\n", os.Getpid(), pyTime(say.now()))
	return lock, 0
}

func flock(fd int) error {
	for {
		err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// unlock empties the lock file and gives it back.
func unlock(lock *os.File) {
	_ = lock.Truncate(0) // the lock is what counts
	lock.Close()
}

// lockError tells of a lock file that cannot be used, whatever the log level.
func (c *console) lockError(what, path string, err error) {
	level := c.level
	c.level = levelDebug
	c.log(levelError, "Could not %s %s. %s", what, path, pyError(err))
	c.level = level
}

// pyError is an error of the system as Python shows it.
func pyError(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	text := no.Error()
	return fmt.Sprintf("[Errno %d] %s", int(no), strings.ToUpper(text[:1])+text[1:])
}

// pyTime is a local time as Python shows it.
func pyTime(t time.Time) string {
	dst := 0
	if t.IsDST() {
		dst = 1
	}
	return fmt.Sprintf("time.struct_time(tm_year=%d, tm_mon=%d, tm_mday=%d, tm_hour=%d, tm_min=%d, tm_sec=%d, tm_wday=%d, tm_yday=%d, tm_isdst=%d)",
		t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), (int(t.Weekday())+6)%7, t.YearDay(), dst)
}
