package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"phased/internal/phased"
)

// Hook names a hook whose runs are remembered.
type Hook struct {
	Base      phased.Text
	Lifecycle string
	Phase     string
	Name      phased.Text
}

// HookOf returns the hook that a fact is about.
func HookOf(r phased.Ran) Hook { return Hook{r.Base, r.Lifecycle, r.Phase, r.Hook} }

// file is the name of the hook's file: none of its words can lead elsewhere.
func (h Hook) file() string {
	sum := sha256.New()
	for _, s := range []string{string(h.Base), h.Lifecycle, h.Phase, string(h.Name)} {
		fmt.Fprintf(sum, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(sum.Sum(nil)[:hookKeySize])
}

// hookKeySize is the length of what names the file of a hook, in bytes.
const hookKeySize = 16

// Ran returns what is remembered of a hook; found is false where it has not ended
// well, or is forgotten.
func (s Store) Ran(h Hook) (r phased.Ran, found bool, err error) {
	found, err = s.read(frequencies, h.file(), &r)
	if err == nil && found && HookOf(r) != h {
		err = fmt.Errorf("what is remembered of %s/%s is about %s/%s", h.Phase, h.Name, r.Phase, r.Hook)
	}
	if err != nil {
		return phased.Ran{}, false, fmt.Errorf("cannot find out when %s/%s ran: %w", h.Phase, h.Name, err)
	}
	return r, found, nil
}

// Remember puts down that a hook has ended well. When it returns, that is on the
// disk.
func (s Store) Remember(r phased.Ran) error {
	return s.write(frequencies, HookOf(r).file(), r)
}

// Remembered returns all that is remembered of hooks, by base, lifecycle, phase
// and name. It is right also where there is an error, which tells of files that
// cannot be read.
func (s Store) Remembered() ([]phased.Ran, error) {
	names, err := s.names(frequencies)
	errs := []error{err}
	var all []phased.Ran
	for _, n := range names {
		var r phased.Ran
		found, err := s.read(frequencies, n, &r)
		errs = append(errs, err)
		if found && err == nil && HookOf(r).file() == n {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b phased.Ran) int {
		key := func(r phased.Ran) string {
			return strings.Join([]string{string(r.Base), r.Lifecycle, r.Phase, string(r.Hook)}, "\x00")
		}
		return strings.Compare(key(a), key(b))
	})
	return all, errors.Join(errs...)
}

// Forget removes what is remembered of a hook.
func (s Store) Forget(h Hook) error { return s.remove(frequencies, h.file()) }
