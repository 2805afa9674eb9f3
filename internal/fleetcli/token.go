package fleetcli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

const (
	// leastToken is how long a token must be: nobody guesses it then.
	leastToken = 32
	mostToken  = 4096
)

// secretFile reads a file that nobody but its owner may read: this user, or root.
func secretFile(path string, others os.FileMode) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link: name the file itself", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case !ok || (st.Uid != 0 && int(st.Uid) != os.Geteuid()):
		return nil, fmt.Errorf("%s belongs to user %d: it must belong to root, or to the user who serves (%d)", path, st.Uid, os.Geteuid())
	case info.Mode().Perm()&others != 0:
		return nil, fmt.Errorf("%s has mode %04o, so that others may read or write it: chmod 600 %s", path, info.Mode().Perm(), path)
	case info.Size() > 1<<20:
		return nil, fmt.Errorf("%s has %d bytes: that is none of these files", path, info.Size())
	}
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// readToken reads the token that readers log in with.
func readToken(path string) ([]byte, error) {
	text, err := secretFile(path, 0o077)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(text)
	switch {
	case len(text) < leastToken:
		return nil, fmt.Errorf("%s has a token of %d bytes, expected at least %d: make one by\n    openssl rand -hex 32 > %s", path, len(text), leastToken, path)
	case len(text) > mostToken:
		return nil, fmt.Errorf("%s has a token of %d bytes, expected at most %d", path, len(text), mostToken)
	case bytes.ContainsAny(text, "\x00\r\n"):
		return nil, fmt.Errorf("%s has several lines: expected the token and nothing else", path)
	}
	return text, nil
}
