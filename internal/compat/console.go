package compat

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// console writes the personalities' own lines, each with one write(2), from any
// goroutine. That
// nobody reads them ends nothing: the hooks come first.
type console struct {
	out, err *os.File
	zone     func() *time.Location // looked up when it is first needed
	level    int                   // of the lines of os-refresh-config that are shown
}

func newConsole(e *Env) *console {
	return &console{out: e.Stdout, err: e.Stderr, zone: sync.OnceValue(e.localZone), level: levelInfo}
}

func (c *console) now() time.Time { return time.Now().In(c.zone()) }

// write writes all of s. It goes round os.File, which ends the process where
// stdout or stderr is a pipe that nobody reads.
func write(f *os.File, s string) error {
	p := []byte(s)
	for len(p) > 0 {
		n, err := unix.Write(int(f.Fd()), p)
		switch {
		case err == nil:
			p = p[n:]
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN): // somebody has made it non-blocking
			fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLOUT}}
			if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// raw writes text to stderr as it is.
func (c *console) raw(s string) { _ = write(c.err, s) }

// line writes a line of dib-run-parts.
func (c *console) line(format string, args ...any) {
	c.raw(drpName + " " + date(c.now()) + " " + fmt.Sprintf(format, args...) + "\n")
}

// date is what date(1) shows in the C locale.
func date(t time.Time) string {
	zone, _ := t.Zone()
	return t.Format("Mon Jan _2 15:04:05 ") + zone + t.Format(" 2006")
}

// The levels of os-refresh-config's lines.
const (
	levelDebug = iota
	levelInfo
	levelError
	levelCritical
)

// setLevel shows lines from the level of that name up.
func (c *console) setLevel(name string) {
	switch name {
	case "DEBUG":
		c.level = levelDebug
	case "INFO":
		c.level = levelInfo
	case "WARN", "ERROR":
		c.level = levelError
	case "CRITICAL":
		c.level = levelCritical
	}
}

// log writes a line of os-refresh-config.
func (c *console) log(level int, format string, args ...any) {
	if level < c.level {
		return
	}
	name := [...]string{levelDebug: "DEBUG", levelInfo: "INFO", levelError: "ERROR", levelCritical: "CRITICAL"}[level]
	stamp := strings.Replace(c.now().Format("2006-01-02 15:04:05.000"), ".", ",", 1)
	c.raw(fmt.Sprintf("[%s] (%s) [%s] %s\n", stamp, orcName, name, pyText(fmt.Sprintf(format, args...))))
}

// row is one line of the profile.
type row struct {
	name string
	took time.Duration
}

// profile writes the block that ends a successful run of dib-run-parts: its
// rows in the byte order of names.
func (c *console) profile(dir string, rows []row) {
	c.line("----------------------- PROFILING -----------------------")
	c.line("")
	c.line("Target: %s", baseName(dir))
	c.line("")
	c.line("%-40s %9s", "Script", "Seconds")
	c.line("%-40s %9s", strings.Repeat("-", 39), strings.Repeat("-", 10))
	c.line("")
	for _, r := range rows {
		pad := strings.Repeat(" ", max(0, 40-len(r.name)))
		c.line("%s%s %10.3f", r.name, pad, r.took.Seconds())
	}
	c.line("")
	c.line("--------------------- END PROFILING ---------------------")
}

// baseName is what basename(1) shows.
func baseName(path string) string {
	trimmed := strings.TrimRight(path, "/")
	if trimmed == "" && path != "" {
		return "/"
	}
	return trimmed[strings.LastIndexByte(trimmed, '/')+1:]
}
