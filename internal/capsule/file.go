package capsule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrPlace says that nothing can be written where it was asked for: something is there
// already, or the directory does not take it.
var ErrPlace = errors.New("cannot write there")

// place is an error of where a page should go.
type place struct{ text string }

func (p *place) Error() string { return p.text }

func (p *place) Is(target error) bool { return target == ErrPlace }

func noPlace(format string, args ...any) error { return &place{fmt.Sprintf(format, args...)} }

// WriteFile makes a file of what write writes, for its owner only. It is there whole or
// not at all; what is there already is replaced only where force is set, and only a
// regular file. The error is ErrPlace where the place is to blame.
func WriteFile(path string, force bool, write func(io.Writer) error) error {
	switch info, err := os.Lstat(path); {
	case err == nil && !info.Mode().IsRegular():
		return noPlace("%s is no regular file: name another one", path)
	case err == nil && !force:
		return exists(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return noPlace("cannot write %s: %v", path, reason(err))
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".phased-capsule-*") // 0600
	if err != nil {
		return noPlace("cannot write %s: %v", path, reason(err))
	}
	defer os.Remove(f.Name())
	out := bufio.NewWriterSize(f, 1<<20)
	err = write(out)
	if err := errors.Join(err, out.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if !force { // it may have come meanwhile: who makes the name has it
		mine, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return exists(path)
		}
		if err != nil {
			return noPlace("cannot write %s: %v", path, reason(err))
		}
		mine.Close()
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return noPlace("cannot write %s: %v", path, reason(err))
	}
	return nil
}

func exists(path string) error {
	return noPlace("%s exists already: name another file, or say --force", path)
}

// reason is an error of a file without its name.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
