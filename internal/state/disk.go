package state

import (
	"errors"
	"io/fs"
	"os"
)

// disk is what this room asks of a file system to write what must not be lost.
// The product has osDisk and nothing else; tests have one that fails, tears and
// forgets where they say so.
type disk interface {
	Create(path string) (*os.File, error) // exclusively, for its owner
	Write(f *os.File, p []byte) (int, error)
	Sync(f *os.File) error
	SyncDir(path string) error
	Mkdir(path string, mode fs.FileMode) error
	Rename(path, name string) error
	Remove(path string) error
}

// osDisk is the file system.
type osDisk struct{}

func (osDisk) Create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osDisk) Write(f *os.File, p []byte) (int, error)   { return f.Write(p) }
func (osDisk) Sync(f *os.File) error                     { return f.Sync() }
func (osDisk) Mkdir(path string, mode fs.FileMode) error { return os.Mkdir(path, mode) }
func (osDisk) Rename(path, name string) error            { return os.Rename(path, name) }
func (osDisk) Remove(path string) error                  { return os.Remove(path) }

func (osDisk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
