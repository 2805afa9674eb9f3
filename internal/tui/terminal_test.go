package tui

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// openPair returns both ends of a new terminal.
func openPair(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

func termios(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	now, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *now
}

// TestPanicRestores: what panics while a run is shown leaves the terminal as it was,
// out of the screen of its own.
func TestPanicRestores(t *testing.T) {
	master, slave := openPair(t)
	before := termios(t, slave)
	o := options()
	raw, whole := false, false
	events := make(chan phased.Event, 10)
	o.Left = func(r phased.Run, _ time.Time) (phased.TimeLeft, bool) {
		raw = termios(t, slave).Lflag&unix.ICANON == 0
		if r.Seq > 2 {
			panic("on purpose")
		}
		return phased.TimeLeft{}, false
	}
	s := &Screen{Options: o, Terminal: NewTerminal(slave, slave)}
	shown := make(chan string)
	go func() {
		var all strings.Builder
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			all.Write(buf[:n])
			if err != nil || strings.Contains(all.String(), "\x1b[?1049l") {
				shown <- all.String()
				return
			}
			if strings.Contains(all.String(), "refresh") && !whole {
				whole = true
				if _, err := master.WriteString("pq"); err != nil { // to the list, and back: then it is asked again
					t.Error(err)
				}
				for seq, d := range []phased.Payload{phased.PhaseStarted{Phase: "a", Entries: runs("1")}, start("a", "1")} {
					events <- phased.Event{Run: "R", Seq: uint64(seq + 2), Time: began(), Data: d}
				}
			}
		}
	}()
	events <- phased.Event{Run: "R", Seq: 1, Time: began(), Data: started(1)}
	func() {
		defer func() {
			if r := recover(); r != "on purpose" {
				t.Errorf("it panicked with %v", r)
			}
		}()
		s.Run(context.Background(), events, nil)
	}()
	if !raw {
		t.Error("keys did not come one by one before")
	}
	if now := termios(t, slave); now != before {
		t.Errorf("the terminal is left as %+v, and was %+v", now, before)
	}
	_ = slave.Close()
	_ = master.SetReadDeadline(time.Now()) // where no screen was left, nothing more comes
	select {
	case text := <-shown:
		if strings.Count(text, "\x1b[?1049h") != strings.Count(text, "\x1b[?1049l") {
			t.Errorf("a screen was opened and not left: %q", text)
		}
	case <-time.After(10 * time.Second):
	}
	if s.Say("late") {
		t.Error("a screen that has ended takes lines")
	}
}

// TestSay shows a line of somebody else's among what is told.
func TestSay(t *testing.T) {
	master, slave := openPair(t)
	s := &Screen{Options: options(), Terminal: NewTerminal(nil, slave)}
	events := make(chan phased.Event, 2)
	done := make(chan phased.Run)
	go func() { done <- s.Run(context.Background(), events, nil) }()
	if !s.Say("phased: one\nphased: \x1b[2Jtwo") {
		t.Error("the line is not taken")
	}
	close(events)
	<-done
	buf := make([]byte, 4096)
	n, err := master.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ReplaceAll(string(buf[:n]), "\r\r", "\r"); !strings.Contains(text, "phased: one\r\n") || !strings.Contains(text, "phased: ^[[2Jtwo\r\n") {
		t.Errorf("the terminal was sent %q", text)
	}
}
