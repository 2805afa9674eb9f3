package plan

import (
	"testing"

	"phased/internal/config"
)

// oneDir returns settings whose refresh has one phase with that directory.
func oneDir(dir string) *config.Settings {
	s := config.Default()
	s.Lifecycles = map[string]config.Lifecycle{
		"refresh": {Name: "refresh", Phases: []config.Phase{{Name: "one", Dir: dir}}},
	}
	return s
}

// parse reads settings from text.
func parse(t testing.TB, text string) *config.Settings {
	t.Helper()
	s, err := config.Parse("/etc/phased/phased.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
