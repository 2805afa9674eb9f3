package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"phased/internal/phased"
)

// maxLooks bounds what is remembered of one hook's arguments of `phased changed`.
const maxLooks = 1000

// looked is the file of what one hook has seen by one key.
type looked struct {
	Base      phased.Text   `json:"base"`
	Lifecycle string        `json:"lifecycle"`
	Phase     string        `json:"phase"`
	Hook      phased.Text   `json:"hook"`
	Key       string        `json:"key,omitempty"`
	Looks     []phased.Look `json:"looks"`
}

// lookFile names the file; the key takes part as a further word.
func lookFile(h Hook, key string) string {
	return h.file() + "-" + Hook{Name: phased.Text(key)}.file()
}

// Looks returns what was seen of the arguments of `phased changed`, by a hook and a
// key of its own.
func (s Store) Looks(h Hook, key string) ([]phased.Look, error) {
	var v looked
	found, err := s.read(looks, lookFile(h, key), &v)
	if err == nil && found && (Hook{v.Base, v.Lifecycle, v.Phase, v.Hook} != h || v.Key != key) {
		err = fmt.Errorf("it is about %s/%s", v.Phase, v.Hook)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find out what %s/%s has seen of files: %w", h.Phase, h.Name, err)
	}
	return v.Looks, nil
}

// Looked puts down what was seen of some arguments; what is known of others stays,
// of the newest 1,000, and of these what 4 MiB hold. When it returns, that is on the disk.
func (s Store) Looked(h Hook, key string, seen []phased.Look) error {
	if err := s.ready(looks); err != nil {
		return err
	}
	unlock, err := s.flock(looks, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }() // the descriptor was only locked
	old, err := s.Looks(h, key)
	if err != nil {
		return err
	}
	for _, l := range seen {
		old = slices.DeleteFunc(old, func(o phased.Look) bool { return o.At == l.At })
		old = append(old, l)
	}
	if n := len(old) - maxLooks; n > 0 {
		sortLooks(old)
		old = old[n:]
	}
	write := func() error {
		return s.write(looks, lookFile(h, key), looked{h.Base, h.Lifecycle, h.Phase, h.Name, key, old})
	}
	if err = write(); errors.Is(err, errTooLarge) {
		if old, err = newestThatFit(old, min(len(seen), maxLooks)); err == nil {
			err = write()
		}
	}
	return err
}

func sortLooks(all []phased.Look) {
	slices.SortStableFunc(all, func(a, b phased.Look) int { return a.Time.Compare(b.Time) })
}

// newestThatFit returns the newest that a file has room for, beside who has seen
// them: as many as least at least.
func newestThatFit(all []phased.Look, least int) ([]phased.Look, error) {
	const room = maxFile - 64<<10
	sortLooks(all)
	from, size := len(all), 0
	for ; from > 0; from-- {
		text, err := json.Marshal(all[from-1])
		if err != nil {
			return nil, err
		}
		if size += len(text) + 1; size > room {
			break
		}
	}
	if len(all)-from < least {
		return nil, fmt.Errorf("%w: these are too many files for one hook and --key; look at fewer at a time, or at each tree by a key of its own", errTooLarge)
	}
	return all[from:], nil
}

// LookedAt returns the hooks that have seen files by `phased changed`, each once.
// It is right also where there is an error, which tells of files that cannot be
// read.
func (s Store) LookedAt() ([]Hook, error) {
	return s.hooksOf(looks)
}

// ForgetLooks removes all that a hook has seen of files.
func (s Store) ForgetLooks(h Hook) error {
	files, err := s.names(looks)
	for _, f := range files {
		if len(f) > 2*hookKeySize && f[:2*hookKeySize] == h.file() {
			if e := s.remove(looks, f); e != nil && err == nil {
				err = e
			}
		}
	}
	return err
}
