package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"phased/internal/phased"
)

// maxRequests bounds how many requests of one run are kept.
const maxRequests = 1000

// RequestReboot adds what a hook of a run asks for to what was asked for before;
// a hook that asks again means the newer. When it returns, that is on the disk.
func (s Store) RequestReboot(run string, r phased.RebootRequest) error {
	if !fileName(run) {
		return fmt.Errorf("%q is no run id", run)
	}
	all, err := s.RebootRequests(run)
	if err != nil {
		return err
	}
	kept := all[:0]
	for _, old := range all {
		if old.Phase != r.Phase || old.Hook != r.Hook {
			kept = append(kept, old)
		}
	}
	if len(kept) >= maxRequests {
		return fmt.Errorf("there are %d requests for a reboot already", len(kept))
	}
	return s.write(reboots, run, append(kept, r))
}

// RebootRequests returns what hooks of the run have asked for, in order.
func (s Store) RebootRequests(run string) ([]phased.RebootRequest, error) {
	if !fileName(run) {
		return nil, nil
	}
	var all []phased.RebootRequest
	if _, err := s.read(reboots, run, &all); err != nil {
		return nil, fmt.Errorf("cannot read the request for a reboot: %w", err)
	}
	return all, nil
}

// ForgetReboot removes what hooks of the run have asked for, and what was left of
// runs a long time ago.
func (s Store) ForgetReboot(run string) error {
	if !fileName(run) {
		return nil
	}
	names, _ := s.names(reboots) // what cannot be listed stays
	for _, n := range names {
		const long = 30 * 24 * time.Hour
		if info, err := os.Lstat(filepath.Join(s.private, reboots, n+suffix)); err == nil && time.Since(info.ModTime()) > long {
			_ = s.remove(reboots, n) // the next one tries again
		}
	}
	if len(names) == 0 {
		return nil
	}
	return s.remove(reboots, run)
}

// Rebooted returns what tells of a dead run, where its hooks asked for a reboot and
// the host was booted since, whether it waits for that: the form of
// journal.Options.Rebooted. boot returns the kernel's boot id, and judge decides.
func (s Store) Rebooted(boot func() string, judge func(phased.Run, []phased.RebootRequest) *phased.RunWaiting) func(string, func() phased.Run) *phased.RunWaiting {
	return func(id string, fold func() phased.Run) *phased.RunWaiting {
		asked, err := s.RebootRequests(id)
		if err != nil || len(asked) == 0 { // who may not look sees an interrupted run
			return nil
		}
		r, now := fold(), boot()
		if now == "" || r.Start.BootID == "" || r.Start.BootID == now {
			return nil
		}
		return judge(r, asked)
	}
}

// fileName reports whether an id of a run is safe as the name of a file.
func fileName(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsAny(id, "/.\x00")
}
