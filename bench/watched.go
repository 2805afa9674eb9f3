package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	watchedRate = 10_000_000 // bytes a second, at a pace
	fastBytes   = 256 << 20  // written as fast as it goes
)

// How the output of a tool goes, and who looks on.
const (
	toFile     = iota
	toTerminal // a pseudo-terminal, which is read
	followed   // to a file, and another phased follows the record
)

// watchedTool is a tool and who looks on.
type watchedTool struct {
	tool
	how int
}

// spent is what a run took, in seconds.
type spent struct {
	wall     float64
	phased   float64 // of the processor, the hook left out
	follower float64 // of the processor, where somebody follows
}

// watched measures what it costs to look on: a hook that writes 10 MB a second, and
// one that writes as fast as it can, alone, under phased, under phased on a
// terminal, and while another process follows the record.
func watched(ctx context.Context, s *stage, o options) ([]table, error) {
	pace := filepath.Join(s.dir, "pace")
	if err := s.compile(ctx, "pace", pace); err != nil {
		return nil, err
	}
	var tables []table
	for _, w := range []struct {
		name  string
		rate  int
		bytes int
	}{{fmt.Sprintf("10 MB/s for %d s", o.watched), watchedRate, watchedRate * o.watched}, {"256 MiB as fast as it can", 0, fastBytes}} {
		t, err := s.newTree("watched-" + strconv.Itoa(w.rate))
		if err != nil {
			return nil, err
		}
		if err := t.hook("10-loud", fmt.Sprintf("exec %s %d %d", pace, w.rate, w.bytes)); err != nil {
			return nil, err
		}
		tools := s.watchedTools()
		figures := map[string][]spent{}
		if _, err := rounds(ctx, o.rounds, o.seed, plainTools(tools), func(ctx context.Context, c tool) (float64, error) {
			for _, one := range tools {
				if one.name == c.name {
					got, err := s.watch(ctx, one, t)
					figures[c.name] = append(figures[c.name], got)
					return got.wall, err
				}
			}
			return 0, fmt.Errorf("nobody has the name %q", c.name)
		}); err != nil {
			return nil, err
		}
		tables = append(tables, watchedTables(w.name, tools, figures)...)
	}
	return tables, nil
}

func plainTools(tools []watchedTool) (all []tool) {
	for _, t := range tools {
		all = append(all, t.tool)
	}
	return all
}

// watchedTools lists who is compared.
func (s *stage) watchedTools() []watchedTool {
	bare := tool{name: "C loop > file", argv: func(t tree) []string { return []string{s.spawn, t.phase()} }, env: func(tree) []string { return s.environment(systemPath) }}
	terminal := s.native("phased run on a terminal")
	terminal.env = func(tree) []string { return s.environment(systemPath, "TERM=xterm-256color") }
	return []watchedTool{{bare, toFile}, {s.native("phased run > file"), toFile}, {terminal, toTerminal}, {s.native("phased run > file, phased logs -f"), followed}}
}

// watchedTables makes a table of the times and one of what the processor did.
func watchedTables(what string, tools []watchedTool, figures map[string][]spent) []table {
	var walls, busy [][]float64
	var native []tool
	for _, c := range tools {
		var wall, phased, follower []float64
		for _, f := range figures[c.name] {
			wall, phased, follower = append(wall, f.wall), append(phased, f.phased), append(follower, f.follower)
		}
		walls = append(walls, wall)
		if c.native {
			native, busy = append(native, c.tool), append(busy, phased)
		}
		if c.how == followed {
			native, busy = append(native, tool{name: "the phased logs -f of it"}), append(busy, follower)
		}
	}
	return []table{
		newTable("one hook that writes "+what+", and who looks on: whole runs", "", plainTools(tools), walls),
		newTable("the same: what the processor did for phased, without the hook", "", native, busy),
	}
}

// watch runs a tool once.
func (s *stage) watch(ctx context.Context, c watchedTool, t tree) (spent, error) {
	argv := c.argv(t)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = c.env(t), "/"
	finish, err := s.connect(cmd, c.how)
	if err != nil {
		return spent{}, err
	}
	quiet()
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return spent{}, err
	}
	var follower *exec.Cmd
	if c.how == followed {
		if follower, err = s.follow(ctx, c.tool, cmd.Process.Pid); err != nil {
			return spent{}, err
		}
	}
	err = cmd.Wait()
	got := spent{wall: time.Since(began).Seconds()}
	if said := finish(); err != nil {
		return spent{}, fmt.Errorf("%w\n%s", err, tail(said, 2000))
	}
	if follower != nil {
		if err := follower.Wait(); err != nil {
			return spent{}, fmt.Errorf("phased logs -f: %w", err)
		}
		got.follower = (follower.ProcessState.UserTime() + follower.ProcessState.SystemTime()).Seconds()
	}
	if !c.native {
		return got, nil
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	events, err := newestRun(c.state)
	if err != nil {
		return spent{}, err
	}
	for _, e := range events {
		if e.Kind == "hook.finished" { // phased has waited for it
			used -= e.Data.Usage.User + e.Data.Usage.System
		}
	}
	got.phased = used.Seconds()
	return got, finished(events, 1)
}

// connect connects what a tool prints. What it returns ends that, and returns what
// was printed on a terminal.
func (s *stage) connect(cmd *exec.Cmd, how int) (finish func() []byte, err error) {
	if how != toTerminal {
		out, err := os.Create(filepath.Join(s.dir, "written"))
		if err != nil {
			return nil, err
		}
		cmd.Stdout = out
		return func() []byte { out.Close(); return nil }, nil
	}
	master, terminal, err := newTerminal()
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	var said []byte
	read := make(chan struct{})
	go func() {
		defer close(read)
		for buf := make([]byte, 64<<10); ; {
			n, err := master.Read(buf)
			said = append(said, buf[:n]...)
			if err != nil { // EIO: nobody has it open any more
				return
			}
		}
	}()
	return func() []byte {
		terminal.Close()
		<-read
		master.Close()
		return said
	}, nil
}

// newTerminal makes a terminal of 120 columns and 40 lines.
func newTerminal() (master, terminal *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120})
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, fmt.Errorf("cannot make a terminal: %w", err)
	}
	return master, terminal, nil
}

// follow starts a phased that prints the output of the run of that process as it is
// recorded.
func (s *stage) follow(ctx context.Context, c tool, pid int) (*exec.Cmd, error) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if events, err := newestRun(c.state); err == nil && events[0].Data.Pid == pid {
			break
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the run of process %d does not begin", pid)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "phased"), "logs", "-f", "--state-dir", c.state)
	cmd.Env = s.environment(systemPath) // its output goes to /dev/null
	return cmd, cmd.Start()
}
