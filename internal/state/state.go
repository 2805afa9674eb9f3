// Package state owns the small durable facts beside the journal, under private/
// of the state directory: which hooks have run that do not run every time,
// which hook has asked for a reboot, what hooks have notified and who has served
// that, and what `phased changed` has seen of files; and, in plans/, the plans that
// were published for whoever may read the runs.
//
// Only the user who runs phased gets into private/; what another user could have
// written is refused. A file is written anew, synced and put in place of the old one: a crash
// leaves the one or the other. It must not decide what the facts mean.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"phased/internal/trust"
)

// Store is the private part of one state directory. The directories in it are
// made when something is first written.
type Store struct {
	private string
	disk    disk
}

// New returns the store of a state directory. Nothing is opened.
func New(stateDir string) Store { return Store{filepath.Join(stateDir, "private"), osDisk{}} }

// The directories. Their names are those of no run: see journal.Store.Private.
const (
	frequencies   = "frequencies.d"
	reboots       = "reboots.d"
	notifications = "notifications.d"
	serveds       = "served.d"
	looks         = "looks.d"
	notes         = "notes.d"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 4 << 20

// errTooLarge is why a value of more than maxFile is not written.
var errTooLarge = errors.New("what is to be remembered is larger than 4 MiB")

// suffix is the ending of every file, and madePrefix the beginning of one that is
// not in its place yet.
const (
	suffix     = ".json"
	madePrefix = ".new-"
)

// write puts a value into a file, for good when it returns.
func (s Store) write(dir, name string, v any) error {
	full := filepath.Join(s.private, dir)
	if err := s.ready(dir); err != nil {
		return err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(text) >= maxFile {
		return errTooLarge
	}
	// One that a crash has left is in the way of nobody but this process' number.
	made := filepath.Join(full, madePrefix+strconv.Itoa(os.Getpid())+"-"+name)
	f, err := s.disk.Create(made)
	if errors.Is(err, fs.ErrExist) {
		if err = s.disk.Remove(made); err == nil {
			f, err = s.disk.Create(made)
		}
	}
	if err != nil {
		return err
	}
	_, err = s.disk.Write(f, append(text, '\n'))
	if err == nil {
		err = s.disk.Sync(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.disk.Rename(made, filepath.Join(full, name+suffix))
	}
	if err != nil {
		return errors.Join(err, s.disk.Remove(made))
	}
	return s.disk.SyncDir(full)
}

// read reads a file; found is false where there is none.
func (s Store) read(dir, name string, v any) (found bool, err error) {
	full := filepath.Join(s.private, dir)
	path := filepath.Join(full, name+suffix)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || !trust.Own(info) {
		return false, fmt.Errorf("%s is not a file of this user that nobody else can write: it is not trusted", path)
	}
	for _, d := range []string{s.private, full} {
		if err := trust.OwnDir(d); err != nil {
			return false, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, fmt.Errorf("%s cannot be understood (remove it, and what it says is forgotten): %v", path, err)
	}
	return true, nil
}

// list returns what is in a directory; nothing where it is not there.
func (s Store) list(dir string) ([]string, error) {
	d, err := os.Open(filepath.Join(s.private, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// names returns the files of a directory, without their ending.
func (s Store) names(dir string) ([]string, error) {
	all, err := s.list(dir)
	var names []string
	for _, n := range all {
		if name, ok := strings.CutSuffix(n, suffix); ok && name != "" && name[0] != '.' {
			names = append(names, name)
		}
	}
	return names, err
}

// remove removes a file, for good when it returns; one that is not there is none.
func (s Store) remove(dir, name string) error {
	full := filepath.Join(s.private, dir)
	err := s.disk.Remove(filepath.Join(full, name+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.disk.SyncDir(full)
}
