package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

func TestPrivateIsForNobodyElse(t *testing.T) {
	s := openStore(t, Options{})
	dir, err := s.Private(testID(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Lstat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v, expected 0700", d, info, err)
		}
	}
	file := filepath.Join(dir, "last")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Saved(testID(1), "last"); err != nil || got != file {
		t.Errorf("saved: %q, %v", got, err)
	}
	if _, err := s.Saved(testID(2), "last"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a run that kept nothing: %v", err)
	}
	for _, name := range []string{"../last", "", "."} {
		if got, err := s.Saved(testID(1), name); err == nil {
			t.Errorf("%q: %q, expected an error", name, got)
		}
	}
	if err := os.Chmod(file, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Saved(testID(1), "last"); err == nil || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("a file that others can write: %v", err)
	}
	if err := errors.Join(os.Remove(file), os.Symlink("/etc/passwd", file)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Saved(testID(1), "last"); err == nil {
		t.Error("a link was followed")
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Private(testID(1)); err == nil || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("a directory that others can write: %v", err)
	}
}

func TestExpirePrivate(t *testing.T) {
	s := openStore(t, Options{})
	now := time.Now()
	old, young, gone, live := testID(1), testID(2), testID(3), testID(4)
	for i, id := range []string{old, young, gone, live} {
		dir, err := s.Private(id)
		if err != nil {
			t.Fatal(err)
		}
		at := now.Add(-time.Hour)
		if i == 0 || i == 3 {
			at = now.Add(-8 * 24 * time.Hour)
		}
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		d, err := s.Drops(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(d.Path("1.env"), nil, 0o600), os.Chtimes(d.Path("1.env"), at, at), d.Close()); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // there is nothing but that
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
		}
		if id == gone {
			continue
		}
		w, err := s.Begin(id)
		if err != nil {
			t.Fatal(err)
		}
		if id == live {
			defer w.Close()
			continue
		}
		if err := errors.Join(w.Append(newScript(id).next(phased.RunStarted{Base: "/x"})), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ExpirePrivate(7*24*time.Hour, now); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{old: false, young: true, gone: false, live: true} {
		_, err := os.Lstat(s.path(privateDir, id))
		_, drop := os.Lstat(s.path(privateDir, dropsDir, id+".1.env"))
		if (drop == nil) != want || err == nil && !want {
			t.Errorf("%s: kept %v, %v, expected %v", id, err == nil, drop == nil, want)
		}
	}
}

// TestShareLock lets a child share what its parent holds, and nobody else.
func TestShareLock(t *testing.T) {
	s := openStore(t, Options{})
	base, id := t.TempDir(), testID(1)
	if err := s.ShareLock(t.Context(), base, id); err == nil {
		t.Error("shared a lock that does not exist")
	}
	l, err := s.LockBase(t.Context(), base, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Unlock()
	if err := l.SetRun(id); err != nil {
		t.Fatal(err)
	}
	share := func(run string) string {
		_, out := child(t, "share", "JOURNAL_TEST_DIR="+s.Dir(), "JOURNAL_TEST_BASE="+base, "JOURNAL_TEST_RUN="+run)
		if !out.Scan() {
			t.Fatal("the child said nothing")
		}
		return out.Text()
	}
	if got := share(id); got != "shared" {
		t.Errorf("a child of the holder: %s", got)
	}
	if got := share(testID(2)); !strings.Contains(got, id) {
		t.Errorf("by another run: %s", got)
	}
	// This process holds the lock, and does not descend from itself.
	if err := s.ShareLock(t.Context(), base, id); err == nil || !strings.Contains(err.Error(), "no ancestor") {
		t.Errorf("by a process that does not descend from the holder: %v", err)
	}
}

func childShare() {
	s, err := Open(os.Getenv("JOURNAL_TEST_DIR"), Options{})
	if err == nil {
		err = s.ShareLock(context.Background(), os.Getenv("JOURNAL_TEST_BASE"), os.Getenv("JOURNAL_TEST_RUN"))
	}
	if err == nil {
		err = errors.New("shared")
	}
	fmt.Println(err)
}
