package executor

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// start starts the hook with the descriptors as its 0, 1 and 2. It returns an
// Exit where this hook cannot be run, and an error where phased can run none.
func (p *Process) start(h phased.Hook, files [3]int, c cell) (pid, pidfd int, exit *phased.Exit, err error) {
	n := p.phase
	dir := string(n.setup.Surroundings.Dir)
	pidfd = -1
	attr := &syscall.ProcAttr{
		Dir:   dir,
		Env:   environment(n.env, h.Env),
		Files: []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])},
		Sys:   &syscall.SysProcAttr{PidFD: &pidfd, Setpgid: n.group},
	}
	path := string(h.Path)
	argv := make([]string, 1, 1+len(h.Args))
	argv[0] = path
	for _, a := range h.Args {
		argv = append(argv, string(a))
	}
	p.Contain.inShared(attr.Sys)
	defer p.Contain.unfrozen()()
	spawn := spawner(c, attr)
	pid, err = spawn(path, argv, attr)
	if errors.Is(err, unix.ENOEXEC) {
		pid, exit, err = script(path, dir, argv, attr, spawn)
	}
	runtime.KeepAlive(p) // the files that the descriptors belong to
	switch {
	case exit != nil:
		return 0, -1, exit, nil
	case err != nil && (starting(err) || errors.Is(err, errReaper)):
		return 0, -1, nil, fmt.Errorf("cannot start %s: %w", path, err)
	case err != nil:
		return 0, -1, explain(path, dir, err), nil
	}
	if pidfd < 0 {
		if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			_ = unix.Kill(pid, unix.SIGKILL) // it cannot have been waited for
			_, _, _ = reap(pid)
			return 0, -1, nil, fmt.Errorf("cannot get a pidfd of %s: %w (needs Linux 5.4 or newer)", path, err)
		}
	}
	return pid, pidfd, nil, nil
}

// spawn starts a program as syscall.ForkExec does.
type spawn func(path string, argv []string, attr *syscall.ProcAttr) (int, error)

// spawner is how a hook is started in the cell.
func spawner(c cell, attr *syscall.ProcAttr) spawn {
	switch c := c.(type) {
	case *cgroup:
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, c.fd
	case *reaped:
		return c.start
	}
	return syscall.ForkExec
}

// script runs a file without a #! line by bash, with itself as $0.
func script(path, dir string, argv []string, attr *syscall.ProcAttr, spawn spawn) (int, *phased.Exit, error) {
	ok, err := isScript(path, dir)
	if err != nil {
		return 0, cannotRun(statusCannotRun, "%s has no #! line, and cannot be read: %v", path, errors.Unwrap(err)), nil
	}
	if !ok {
		return 0, nil, unix.ENOEXEC
	}
	pid, err := spawn(shell, append([]string{shell, "--"}, argv...), attr)
	if err != nil && !starting(err) && !errors.Is(err, errReaper) {
		status := statusCannotRun
		if errors.Is(err, unix.ENOENT) {
			status = statusNotFound
		}
		return 0, cannotRun(status, "%s has no #! line, and %s, which runs such scripts, cannot be run: %v", path, shell, err), nil
	}
	return pid, nil, err
}

// reap waits for the child, which must have ended or be about to.
func reap(pid int) (unix.WaitStatus, unix.Rusage, error) {
	var ws unix.WaitStatus
	var ru unix.Rusage
	for {
		_, err := unix.Wait4(pid, &ws, 0, &ru)
		if !errors.Is(err, unix.EINTR) {
			return ws, ru, err
		}
	}
}

// startOf returns the start time of the hook that was just started. One under a
// reaper may have ended, and been waited for: the reaper has told it.
func (l *lane) startOf(pid int, c cell) uint64 {
	if r, ok := c.(*reaped); ok {
		return r.began
	}
	return l.clock.Started(pid)
}
