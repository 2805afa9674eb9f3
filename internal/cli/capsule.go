package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/capsule"
)

// capsulePlace takes out of a command line of capsule where the page goes, as
// phased-fleet reads it: rest is the same without it, to stdout.
func capsulePlace(words []string) (output string, force bool, rest []string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		name, value, given := strings.Cut(w, "=")
		switch {
		case w == "--":
			return output, force, append(append(rest, "-o", "-"), words[i:]...)
		case (w == "-o" || w == "--output") && i+1 < len(words):
			i++
			output = words[i]
		case name == "--output" && given:
			output = value
		case strings.HasPrefix(w, "-o") && !strings.HasPrefix(w, "--") && len(w) > len("-o"):
			output = strings.TrimPrefix(w[len("-o"):], "=")
		case w == "--force", w == "--force=true":
			force = true
		default:
			rest = append(rest, w)
		}
	}
	return output, force, append(rest, "-o", "-")
}

// runCapsuleAsRoot lets phased-fleet make the page as the user that it runs as, who may
// read runs and write nowhere: the file is root's own affair.
func runCapsuleAsRoot(w *World, path string, words, environ []string, u *user.User) error {
	output, force, rest := capsulePlace(words)
	// What ends this one ends the other, which then says so: nothing is left behind.
	told := make(chan os.Signal, 1)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(told, sig)
		}
	}
	defer signal.Stop(told)
	var ends syscall.Signal
	err := capsule.WriteFile(output, force, func(to io.Writer) error {
		cmd := exec.Command(path, rest...)
		cmd.Env, cmd.Stdout, cmd.Stderr = environ, to, w.Stderr
		attributes, err := asUser(u)
		if err != nil {
			return err
		}
		cmd.SysProcAttr = attributes
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil { // of this thread, which starts it
			return err
		}
		ends, err = runTold(cmd, told)
		return err
	})
	ended, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case ends != 0 && failed:
		return status(exitSignal + int(ends))
	case err == nil:
		w.talk("the run is in %s", output)
		return nil
	case failed && ended.ExitCode() > 0: // it has said why
		return status(ended.ExitCode())
	case errors.Is(err, capsule.ErrPlace):
		return invalid("capsule: %v", err)
	}
	return broken("capsule: %v", err)
}

// runTold runs a command, and hands on to it the first signal that comes.
func runTold(cmd *exec.Cmd, told <-chan os.Signal) (syscall.Signal, error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	select {
	case err := <-gone:
		return 0, err
	case sig := <-told:
		// Where it has ended meanwhile there is nobody to tell.
		_ = cmd.Process.Signal(sig)
		ends, _ := sig.(syscall.Signal)
		return ends, <-gone
	}
}

// asUser starts a process as a user for good.
func asUser(u *user.User) (*syscall.SysProcAttr, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the number of user %s is %q", u.Username, u.Uid)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the number of the group of user %s is %q", u.Username, u.Gid)
	}
	if uid == 0 || gid == 0 {
		return nil, fmt.Errorf("user %s has root's number", u.Username)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, Pdeathsig: syscall.SIGTERM}, nil
}

// toFile reports whether a command of the network side writes a file.
func toFile(words []string) bool {
	if len(words) == 0 || words[0] != "capsule" || onlyTells(words) {
		return false
	}
	output, _, _ := capsulePlace(words)
	return output != "" && output != "-"
}
