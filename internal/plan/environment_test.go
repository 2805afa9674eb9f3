package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/config"
)

// Environment files lie in all hook trees, override and mask each other as hooks
// do, and have their order; they need no x bit and may have dots.
func TestEnvironmentFilesArePlanned(t *testing.T) {
	base := t.TempDir()
	low, high := filepath.Join(base, "low"), filepath.Join(base, "high")
	for _, name := range []string{
		"low/environment.d/9-a.sh", "low/environment.d/10-b", "low/environment.d/10-a", "low/environment.d/20-over", "high/environment.d/20-over", "low/environment.d/30-masked",
		"low/environment.d/40-x.dpkg-old", "low/environment.d/50-y~", "low/environment.d/.hidden", "low/environment.d/60 blank", "low/environment.d/dir/x", "high/configure.d/10-x",
	} {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("# phased: no=header\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/null", filepath.Join(high, "environment.d/30-masked")); err != nil {
		t.Fatal(err)
	}
	s, err := config.Parse("s.yaml", []byte("roots: ["+low+", "+high+"]\nlifecycles: {refresh: {environment-dir: environment.d}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(Options{Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range p.Environment.Entries {
		got = append(got, strings.TrimPrefix(string(e.Path), base+"/")+" "+string(e.Verdict))
	}
	want := []string{
		"low/environment.d/9-a.sh run", "low/environment.d/10-a run", "low/environment.d/10-b run", "high/environment.d/20-over run",
		"low/environment.d/.hidden name-has-dot", "low/environment.d/20-over shadowed", "high/environment.d/30-masked masked", "low/environment.d/30-masked masked",
		"low/environment.d/40-x.dpkg-old name-backup", "low/environment.d/50-y~ name-backup", "low/environment.d/60 blank name-chars", "low/environment.d/dir directory",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	again, err := ListEnvironment(*p.Environment)
	if diff := cmp.Diff(*p.Environment, again); diff != "" || err != nil {
		t.Errorf("listed again: %v (-want +got):\n%s", err, diff)
	}
	was := p.Digest
	if err := os.WriteFile(filepath.Join(low, "environment.d/10-a"), []byte("export A=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err = Load(Options{Settings: s}); err != nil || p.Digest == was {
		t.Errorf("the digest does not tell of the files: %v", err)
	}
	none, err := Load(Options{Settings: s, Base: base})
	if err != nil || !none.Environment.Missing {
		t.Errorf("without the directory: %+v, %v", none.Environment, err)
	}
}
