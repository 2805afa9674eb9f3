package executor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// The statuses that shells give to what cannot be run.
const (
	statusCannotRun = 126
	statusNotFound  = 127
)

// shell runs scripts without a #! line, as bash does where it is the caller.
const shell = "/bin/bash"

// binarySample is how much of a file bash looks at to tell a script.
const binarySample = 80

func cannotRun(status int, format string, args ...any) *phased.Exit {
	return &phased.Exit{Cause: phased.CauseCannotRun, Status: status, Message: fmt.Sprintf(format, args...)}
}

// starting reports whether the error means that phased cannot start anything,
// in contrast to this hook.
func starting(err error) bool {
	for _, e := range []error{unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE, unix.EBADF, unix.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explain says why the file could not be executed in the directory.
func explain(path, dir string, err error) *phased.Exit {
	if dir != "" {
		if e := unix.Access(dir, unix.X_OK); e != nil {
			return cannotRun(statusCannotRun, "cannot enter working directory %s: %v", dir, e)
		}
		if fi, e := os.Stat(dir); e == nil && !fi.IsDir() {
			return cannotRun(statusCannotRun, "cannot enter working directory %s: not a directory", dir)
		}
	}
	file := path
	if dir != "" && !filepath.IsAbs(path) {
		file = filepath.Join(dir, path)
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return explainMissing(path, file)
	case errors.Is(err, unix.EACCES):
		return explainAccess(path, file)
	case errors.Is(err, unix.ETXTBSY):
		return cannotRun(statusCannotRun, "%s is open for writing (text file busy)", path)
	case errors.Is(err, unix.ENOEXEC):
		return cannotRun(statusCannotRun, "%s is a binary file that this machine cannot execute", path)
	case errors.Is(err, unix.E2BIG):
		return cannotRun(statusCannotRun, "%s cannot be run: its arguments and environment are too large", path)
	case errors.Is(err, unix.EINVAL):
		return cannotRun(statusCannotRun, "%s cannot be run: a NUL byte in its path, arguments or environment, or a damaged program", path)
	}
	return cannotRun(statusCannotRun, "%s cannot be run: %v", path, err)
}

func explainMissing(path, file string) *phased.Exit {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		if target, err := os.Readlink(file); err == nil {
			return cannotRun(statusNotFound, "%s is a link to %s, which does not exist", path, target)
		}
		return cannotRun(statusNotFound, "%s does not exist (any more)", path)
	}
	interpreter, _ := interpreter(file)
	if interpreter == "" {
		return cannotRun(statusNotFound, "the loader that %s was linked for does not exist: is it a program for another system?", path)
	}
	if bare, cr := strings.CutSuffix(interpreter, "\r"); cr {
		return cannotRun(statusNotFound, "interpreter %q of %s does not exist: its #! line ends in CRLF; make it end in LF, then %s is used", interpreter, path, bare)
	}
	return cannotRun(statusNotFound, "interpreter %s of %s does not exist", interpreter, path)
}

func explainAccess(path, file string) *phased.Exit {
	fi, err := os.Stat(file)
	if err != nil {
		return cannotRun(statusCannotRun, "%s cannot be run: %v", path, errors.Unwrap(err))
	}
	if fi.IsDir() {
		return cannotRun(statusCannotRun, "%s is a directory", path)
	}
	if !fi.Mode().IsRegular() {
		return cannotRun(statusCannotRun, "%s is no regular file", path)
	}
	if unix.Access(file, unix.X_OK) != nil {
		return cannotRun(statusCannotRun, "%s is not executable: its mode is %04o", path, fi.Mode().Perm())
	}
	var fs unix.Statfs_t
	if unix.Statfs(file, &fs) == nil && fs.Flags&unix.ST_NOEXEC != 0 {
		return cannotRun(statusCannotRun, "%s cannot be run: its file system is mounted noexec", path)
	}
	if interpreter, _ := interpreter(file); interpreter != "" {
		return cannotRun(statusCannotRun, "interpreter %s of %s is not executable", interpreter, path)
	}
	return cannotRun(statusCannotRun, "%s cannot be run: permission denied", path)
}

// interpreter returns what the #! line of the file names, without arguments; ""
// where it has none.
func interpreter(file string) (string, error) {
	p, err := sample(file, 256) // what the kernel reads of it
	if err != nil {
		return "", err
	}
	line, ok := bytes.CutPrefix(p, []byte("#!"))
	if !ok {
		return "", nil
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexAny(line, " \t\x00"); i >= 0 {
		line = line[:i]
	}
	return string(line), nil
}

// isScript reports whether bash would take the file, which has no #! line that
// the kernel knows, for a script: no NUL in its first line, as far as it looks.
func isScript(path, dir string) (bool, error) {
	if dir != "" && !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	p, err := sample(path, binarySample)
	if err != nil {
		return false, err
	}
	line, _, _ := bytes.Cut(p, []byte("\n"))
	return bytes.IndexByte(line, 0) < 0, nil
}

func sample(file string, n int) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, n)
	n, err = io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return buf[:n], nil
}
