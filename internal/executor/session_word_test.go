package executor

import (
	"os"
	"path/filepath"
	"testing"

	"phased/internal/phased"
)

// TestHooksByNumber proves that a hook that a frame sources by its number is the
// one that was asked for, under its own name, whatever the hook before did to
// that.
func TestHooksByNumber(t *testing.T) {
	r, dir := &recorder{}, t.TempDir()
	p := install
	p.Dir = dir
	texts := []string{"", "unset PHASED_HOOK\n", "declare +x PHASED_HOOK\n", "export PHASED_HOOK=other\n", ""}
	names := []string{"10-a.sh", "20-b c.sh", "30-d.sh", "40-e'f.sh", "50-g.sh"}
	for i, n := range names {
		text := "echo \"${BASH_SOURCE[0]##*/} $(env | grep ^PHASED_HOOK=) $*\"\n" + texts[i]
		if err := os.WriteFile(filepath.Join(dir, n), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := sessionOf(t, r, &Session{Config: &phased.Session{}}, p)
	want := ""
	for _, i := range []int{0, 1, 2, 3, 4, 2} { // one of them again, out of turn
		h := phased.Hook{
			Phase: "install", Name: phased.Text(names[i]), Path: phased.Text(filepath.Join(dir, names[i])), Args: p.Args,
			Env: []phased.Text{"PHASED_RUN_ID=01R", phased.Text("PHASED_HOOK=" + names[i])},
		}
		res, err := s.Exec(t.Context(), h)
		if err != nil || !res.OK() {
			t.Fatal(res, err)
		}
		want += names[i] + " PHASED_HOOK=" + names[i] + " stack install\n"
	}
	if s.listed.entries == nil || !s.found {
		t.Error("they were not sourced by number")
	}
	if got := r.stdout(); got != want || r.stderr() != "" {
		t.Errorf("%q %q, expected %q", got, r.stderr(), want)
	}
}
