package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"golang.org/x/sys/unix"

	"phased/internal/journal"
	"phased/internal/trust"
	"phased/internal/usage"
)

const (
	// siblingName is the program of the network side, which lies beside this one.
	siblingName = "phased-fleet"
	// siblingUser is who it runs as where root starts it, user and group.
	siblingUser = "phased"
)

// siblings are the commands of the network side: their words belong to
// phased-fleet, which takes this process's place.
func siblings(w *World) []*cobra.Command {
	var all []*cobra.Command
	for _, v := range usage.Verbs() {
		all = append(all, &cobra.Command{
			Use:                v.Name,
			Short:              v.Short,
			Args:               cobra.ArbitraryArgs,
			DisableFlagParsing: true,
			RunE:               func(*cobra.Command, []string) error { return runSibling(w, w.Argv[1:]) },
		})
	}
	return all
}

// completesSibling reports whether a shell asks for what may follow a command of
// the network side, and what phased-fleet is asked for then.
func completesSibling(argv []string) ([]string, bool) {
	if len(argv) < 4 || (argv[1] != cobra.ShellCompRequestCmd && argv[1] != cobra.ShellCompNoDescRequestCmd) {
		return nil, false
	}
	return argv[1:], usage.Short(argv[2]) != ""
}

// runSibling puts phased-fleet in this process's place. Root gives up all that it
// may before: who serves the network must not be who runs hooks.
func runSibling(w *World, words []string) error {
	self, err := os.Executable()
	if err != nil {
		return broken("cannot find phased's own program: %v", err)
	}
	path := filepath.Join(filepath.Dir(self), siblingName)
	if err := siblingTrusted(path); err != nil {
		return err
	}
	dir, err := siblingDir(w)
	if err != nil {
		return err
	}
	environ := withVariable(w.Environ, "PHASED_STATE_DIR", dir)
	// What is given up counts for this thread, which is the one that goes on.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Geteuid() == 0 {
		// What else root has open is not for who serves the network. A kernel before
		// 5.11 does not know how; it is no less safe than the shell that has left it open.
		_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
		u, err := user.Lookup(siblingUser)
		if err != nil && onlyTells(words) {
			u, err = &user.User{Uid: "65534", Gid: "65534", Username: "nobody", HomeDir: "/"}, nil
		}
		if err != nil {
			return invalid("%s must not run as root, and this host has no user %s. Make it:\n"+
				"    systemd-sysusers /usr/lib/sysusers.d/phased.conf   (packaging/systemd/phased.sysusers in the source)\n"+
				"or start it yourself as another user who may read %s:\n    %s %s",
				siblingName, siblingUser, dir, path, strings.Join(words, " "))
		}
		if toFile(words) {
			return runCapsuleAsRoot(w, path, words, withVariable(siblingEnviron(environ, u), "PHASED_STATE_DIR", dir), u)
		}
		if err := dropTo(u); err != nil {
			return broken("cannot become user %s: %v", siblingUser, err)
		}
		environ = siblingEnviron(environ, u)
	}
	err = syscall.Exec(path, append([]string{siblingName}, words...), environ)
	return broken("cannot start %s: %v", path, err)
}

// onlyTells reports whether phased-fleet is asked about itself: it needs no user
// who may read runs for that.
func onlyTells(words []string) bool {
	return usage.Short(words[0]) == "" || slices.Contains(words, "--help") || slices.Contains(words, "-h")
}

// siblingTrusted looks whether phased-fleet is there, and whether somebody else
// could have written it: root does not start it then.
func siblingTrusted(path string) error {
	c := trust.NewChecker(os.Geteuid())
	defer c.Close()
	_, problem, err := c.File(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return invalid("there is no %s: the network side of phased belongs beside phased itself, and is installed with it", path)
	case err != nil:
		return broken("cannot look at %s: %v", path, err)
	case problem != nil && trust.Default(os.Geteuid()) == trust.Refuse:
		return &failure{exitTrust, fmt.Errorf("%s: %w\nIt was not started", siblingName, problem)}
	}
	return nil
}

// siblingDir returns where the record lies, as the settings have it; what is
// typed for phased-fleet counts more, there. User phased, as whom the unit starts
// it, has no runs of its own: the host's are meant.
func siblingDir(w *World) (string, error) {
	var p places
	if w.getenv("PHASED_STATE_DIR") != "" {
		return p.dir(w, nil)
	}
	s, err := p.settings(w)
	if err != nil {
		return "", err
	}
	if s.StateDir == "" {
		if u, err := user.Lookup(siblingUser); err == nil && u.Uid == strconv.Itoa(os.Geteuid()) {
			return journal.DefaultDir(0, w.getenv), nil
		}
	}
	return p.dir(w, s)
}

// dropTo makes this process that user's, for good.
func dropTo(u *user.User) error {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return fmt.Errorf("its number is %q", u.Uid)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return fmt.Errorf("its group's number is %q", u.Gid)
	}
	if uid == 0 || gid == 0 {
		return errors.New("it has root's number")
	}
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("cannot give up groups: %v", err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("cannot set the group: %v", err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("cannot set the user: %v", err)
	}
	if syscall.Setuid(0) == nil {
		return errors.New("it could become root again")
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// siblingEnviron is what of root's environment phased-fleet gets.
func siblingEnviron(environ []string, u *user.User) []string {
	keep := []string{"LANG", "LANGUAGE", "TZ", "TERM", "NO_COLOR", "PHASED_STATE_DIR"}
	out := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if slices.Contains(keep, name) || strings.HasPrefix(name, "LC_") {
			out = append(out, v)
		}
	}
	return out
}

// withVariable returns the environment with a variable set.
func withVariable(environ []string, name, value string) []string {
	out := slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return strings.HasPrefix(v, name+"=") })
	return append(out, name+"="+value)
}
