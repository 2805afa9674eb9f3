package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"phased/internal/phased"
	"phased/internal/trust"
)

// A notes file is what one hook of a run tells the runner while it runs: the file
// that PHASED_NOTIFY names. It lies where only the user of the run gets in, is made
// by whoever writes first, and is taken when the hook has ended. Each line is the
// name of a notification, or an object of phased's own commands:
//
//	nginx                      notify nginx, when the hook has ended
//	{"told":["nginx"]}         phased notify has put that down already
//	{"key":"","look":{...}}    phased changed has seen this
//
// What lies there while nobody runs is of a run that died: its names count.

// note is a line of phased's own commands.
type note struct {
	Told []string     `json:"told,omitempty"`
	Key  string       `json:"key,omitempty"`
	Look *phased.Look `json:"look,omitempty"`
}

// Notes are what is in a notes file.
type Notes struct {
	Names []string                 // to be put down, each once
	Told  []string                 // that are down already, each once
	Looks map[string][]phased.Look // by key
	Bad   []string                 // lines that are none of these: what is wrong with each
	Path  string
}

// ReadyNotes makes the directory of the notes, once before hooks run.
func (s Store) ReadyNotes() error {
	return errors.Join(s.ready(notes), s.ready(notifications))
}

// NotesPath returns where the notes of a hook of a run lie.
func (s Store) NotesPath(run string, h Hook) string {
	return filepath.Join(s.private, notes, Scope{h.Base, h.Lifecycle}.key()+"."+run+"."+h.file())
}

// TellNotified tells the runner of what Notify has put down. path is what the hook
// has in PHASED_NOTIFY; another place than that of notes is left alone.
func (s Store) TellNotified(path string, names []string) error {
	return s.tell(path, note{Told: names})
}

// TellLook leaves with the runner what `phased changed` has seen, for the time when
// the hook will have ended well.
func (s Store) TellLook(path, key string, l phased.Look) error {
	return s.tell(path, note{Key: key, Look: &l})
}

func (s Store) tell(path string, n note) error {
	if filepath.Dir(path) != filepath.Join(s.private, notes) {
		return fmt.Errorf("PHASED_NOTIFY is %q, which is no file in %s", path, filepath.Join(s.private, notes))
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	// Before it a newline, too: a hook may have written a line without its end.
	_, err = f.Write(slices.Concat([]byte{'\n'}, text, []byte{'\n'}))
	return errors.Join(err, f.Close())
}

// ReadNotes reads the notes of a hook; found is false where it has left none.
func (s Store) ReadNotes(path string) (n Notes, found bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Notes{}, false, nil
	}
	if err != nil {
		return Notes{}, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Notes{}, false, err
	}
	if !info.Mode().IsRegular() || !trust.Own(info) {
		return Notes{}, false, fmt.Errorf("%s is not a file of this user that nobody else can write: it is not trusted", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Notes{}, false, err
	}
	if len(text) > maxFile {
		return Notes{}, false, fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	n = parseNotes(text)
	n.Path = path
	return n, true, nil
}

// parseNotes reads lines; blank ones, and what follows a #, say nothing.
func parseNotes(text []byte) Notes {
	n := Notes{Looks: map[string][]phased.Look{}}
	number := 0
	for raw := range bytes.Lines(text) {
		line := strings.TrimSpace(string(raw))
		var own note
		switch {
		case line == "":
			continue
		case line[0] == '{' && json.Unmarshal([]byte(line), &own) == nil && !slices.ContainsFunc(own.Told, func(t string) bool { return NameFault(t) != "" }):
			n.Told = union(n.Told, own.Told)
			if own.Look != nil {
				n.Looks[own.Key] = append(n.Looks[own.Key], *own.Look)
			}
			continue
		}
		number++
		if fault := NameFault(line); fault != "" {
			const most = 100
			if len(line) > most {
				line = line[:most] + "..."
			}
			n.Bad = append(n.Bad, fmt.Sprintf("line %d of $PHASED_NOTIFY: %s, not %q", number, fault, line))
			continue
		}
		n.Names = union(n.Names, []string{line})
	}
	return n
}

func union(all, more []string) []string {
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// DropNotes removes notes that were taken, for good when it returns.
func (s Store) DropNotes(path string) error {
	err := s.disk.Remove(path)
	if errors.Is(err, syscall.ENOTEMPTY) { // a hook has put a directory in its place
		err = os.RemoveAll(path)
	}
	if err != nil {
		return err
	}
	return s.disk.SyncDir(filepath.Join(s.private, notes))
}

// Untaken are the notes that a run which died has left.
type Untaken struct {
	Path string
	Run  string
	hook string // what names the file of its hook
}

// Of reports whether a hook has left them.
func (u Untaken) Of(h Hook) bool { return u.hook == h.file() }

// Untaken returns the notes of a scope, of which no run may go on.
func (s Store) Untaken(scope Scope) ([]Untaken, error) {
	names, err := s.list(notes)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []Untaken
	for _, name := range names {
		rest, ours := strings.CutPrefix(name, scope.key()+".")
		run, hook, found := strings.Cut(rest, ".")
		if ours && found && fileName(run) && len(hook) == 2*hookKeySize {
			all = append(all, Untaken{filepath.Join(s.private, notes, name), run, hook})
		}
	}
	return all, nil
}
