package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"phased/internal/config"
	"phased/internal/journal"
	"phased/internal/report"
)

// settingsFile is where the settings lie where nobody says otherwise.
const settingsFile = "/etc/phased/phased.yaml"

// places says where the settings and the record lie.
type places struct {
	config   string
	stateDir string
	trust    string  // refuse, warn or off; "": the settings' or the user's
	typed    *string // the flags as they were given, where others were filled in since
}

func (p *places) addFlags(f *pflag.FlagSet) {
	f.StringVar(&p.config, "config", "", "settings `FILE` (default "+settingsFile+", where it exists)")
	f.StringVar(&p.stateDir, "state-dir", "", "`DIR` of the record (default $PHASED_STATE_DIR, then the settings', then /var/lib/phased)")
	f.StringVar(&p.trust, "trust", "", "what becomes of what somebody else could have written, `HOW`: refuse, warn or off (default: the settings', root: refuse)")
}

// settings reads the settings file; w hears warnings, and may be nil.
func (p *places) settings(w *World) (*config.Settings, error) {
	if p.config != "" {
		return p.load(w, p.config, true)
	}
	return p.load(w, settingsFile, false)
}

// dir returns the state directory: the flag, $PHASED_STATE_DIR, the settings,
// the default of the user.
func (p *places) dir(w *World, s *config.Settings) (string, error) {
	dir := p.stateDir
	if dir == "" {
		dir = w.getenv("PHASED_STATE_DIR")
	}
	if dir == "" {
		dir = s.StateDir
	}
	if dir == "" {
		dir = journal.DefaultDir(os.Geteuid(), w.getenv)
	}
	if dir == "" {
		return "", invalid("no place for the record: set --state-dir, PHASED_STATE_DIR or HOME")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", broken("cannot find the state directory %s: %v", dir, err)
	}
	return abs, nil
}

// again returns the flags that a further command needs to find the same places.
func (p *places) again() string {
	if p.typed != nil {
		return *p.typed
	}
	var words []string
	if p.config != "" {
		words = append(words, "--config "+report.ShellWord(absolute(p.config)))
	}
	if p.stateDir != "" {
		words = append(words, "--state-dir "+report.ShellWord(absolute(p.stateDir)))
	}
	if p.trust != "" {
		words = append(words, "--trust "+report.ShellWord(p.trust))
	}
	return strings.Join(words, " ")
}

// absolute returns the absolute path, or the path itself where there is none.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// record opens the record for reading.
func (p *places) record(w *World) (*journal.Store, error) {
	s, err := p.settings(w)
	if err != nil {
		return nil, err
	}
	dir, err := p.dir(w, s)
	if err != nil {
		return nil, err
	}
	store, err := journal.Open(dir, journal.Options{ReadOnly: true, Rebooted: w.rebooted(dir)})
	if err != nil {
		return nil, &failure{exitInternal, err}
	}
	return store, nil
}

// duration is a flag for a duration that may be absent; it takes days, as the
// settings do.
type duration struct{ value *time.Duration }

// String implements pflag.Value.
func (d *duration) String() string {
	if d.value == nil {
		return ""
	}
	return d.value.String()
}

// Set implements pflag.Value.
func (d *duration) Set(s string) error {
	v, err := config.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%v", err)
	}
	d.value = &v
	return nil
}

// Type implements pflag.Value.
func (d *duration) Type() string { return "DURATION" }
