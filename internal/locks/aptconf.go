package locks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// aptConf lets every apt-get of a hook wait for dpkg's locks. Between the moment
// in which all were free and the moment in which the hook needs them, or between
// two of its commands, somebody else may have taken one.
const aptConf = `// Written by phased for hooks with lock=apt: apt waits for locks of dpkg, in seconds.
DPkg::Lock::Timeout "600";
`

const aptConfName = "apt.conf"

// Environ returns what the environment of a hook with these locks gets beside
// env: APT_CONFIG where apt is among them, and the hook has none already. What
// the host's own configuration of apt says counts more than that file.
func (l *Locks) Environ(names []string, env []phased.Text) ([]phased.Text, error) {
	if !slices.Contains(names, "apt") {
		return nil, nil
	}
	for _, e := range env {
		if strings.HasPrefix(string(e), "APT_CONFIG=") {
			return nil, nil
		}
	}
	if err := l.conf(); err != nil {
		return nil, err
	}
	return []phased.Text{phased.Text("APT_CONFIG=" + filepath.Join(l.o.Dir, aptConfName))}, nil
}

// writeConf writes the file where it is not there, in one step: others read it.
func (l *Locks) writeConf() error {
	d, err := l.openDir()
	if err != nil {
		return err
	}
	defer d.close()
	if d.hasConf() {
		return nil
	}
	name := fmt.Sprintf("%s.%d", aptConfName, os.Getpid())
	var fd int
	err = again(func() (err error) {
		fd, err = unix.Openat(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
		return err
	})
	if err == nil {
		_, err = unix.Write(fd, []byte(aptConf))
		err = errors.Join(err, unix.Fchmod(fd, 0o644), unix.Close(fd)) // whatever the umask is
	}
	if err == nil {
		err = unix.Renameat(d.fd, name, d.fd, aptConfName)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", filepath.Join(d.path, aptConfName), err)
	}
	return nil
}

// hasConf reports whether the file is there and says what it should.
func (d directory) hasConf() bool {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd, aptConfName, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var buf [len(aptConf) + 1]byte
	n, err := unix.Read(fd, buf[:])
	return err == nil && string(buf[:n]) == aptConf
}
