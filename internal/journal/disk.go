package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// disk is what the journal asks of a file system to make, grow, end and remove
// a record: all that can fail half way, or that a power cut can undo. Reading,
// locks, owners and modes are not in it. The product has osDisk and nothing
// else; tests have one that fails, tears and forgets where they say so.
type disk interface {
	Create(path string) (*os.File, error) // exclusively, to append; for its owner
	Write(f *os.File, p []byte) (int, error)
	Truncate(f *os.File, size int64) error
	Sync(f *os.File) error // the content, and what is needed to read it
	SyncDir(path string) error
	Mkdir(path string, mode fs.FileMode) error
	Link(path, name string) error
	Rename(path, name string) error
	Remove(path string) error
	RemoveAll(path string) error
}

// osDisk is the file system.
type osDisk struct{}

func (osDisk) Create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osDisk) Write(f *os.File, p []byte) (int, error)   { return f.Write(p) }
func (osDisk) Truncate(f *os.File, size int64) error     { return f.Truncate(size) }
func (osDisk) Mkdir(path string, mode fs.FileMode) error { return os.Mkdir(path, mode) }
func (osDisk) Link(path, name string) error              { return os.Link(path, name) }
func (osDisk) Rename(path, name string) error            { return os.Rename(path, name) }
func (osDisk) Remove(path string) error                  { return os.Remove(path) }
func (osDisk) RemoveAll(path string) error               { return os.RemoveAll(path) }

func (osDisk) Sync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("cannot sync %s: %w", f.Name(), err)
		}
	}
}

func (osDisk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("cannot sync directory %s: %w", path, err)
	}
	return nil
}
