package space_test

import (
	"os"
	"path/filepath"
	"testing"

	"phased/internal/space"
)

// again restores a space in a new shell and returns what that has then.
func again(t testing.TB, s *space.Space, env ...string) *space.Space {
	t.Helper()
	global, _, lost := space.Restore(s)
	if len(lost) > 0 {
		t.Errorf("lost: %q", lost)
	}
	file := filepath.Join(t.TempDir(), "restore")
	if err := os.WriteFile(file, global, 0o600); err != nil {
		t.Fatal(err)
	}
	return take(t, "source "+file, env...)
}

// nothing is a redactor that knows no secrets.
type nothing struct{}

func (nothing) Secret(string) bool       { return false }
func (nothing) Clean(text string) string { return text }

func TestRestoreIsExact(t *testing.T) {
	s := take(t, `declare -A map=([a]=1 ["b c"]=$'x\ny' [']']=3 ['@']=4); declare -r fixed='it is'; declare -i n=3
f() { cat <<X
}
g () 
{ 
X
}
g() { :; }; export -f g; function a-b { echo "$1"; }; alias ll='ls -l'; trap 'x=1' USR1; set -o pipefail; shopt -s extglob; umask 077; cd /usr`)
	if is := again(t, s, "STRAY=1"); len(space.Diff(s, is, nothing{})) > 0 {
		t.Errorf("restored, it differs: %+v", space.Diff(s, is, nothing{}))
	}
}
