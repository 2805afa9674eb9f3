package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"phased/internal/phased"
	"phased/internal/redact"
)

// What a secret file holds is hidden from the moment that it is there, and what it
// has held stays hidden.
func TestSecretFilesAreLookedAtAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	set := redact.NewSet(nil)
	files := WatchSecrets(set)
	if got := set.Clean("hunter22-0"); got != "hunter22-0" {
		t.Fatal(got)
	}
	files.Add(phased.Text(path), phased.Text(path))
	if err := files.Check(phased.Text(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	text := ""
	for i := range 100 { // without a pause: times of files are coarse
		secret := fmt.Sprintf("hunter22-%03d", i)
		if i%3 == 0 {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if text += secret + " "; strings.Contains(set.Clean(text), "hunter22") {
			t.Fatalf("after %d: %s", i, set.Clean(text))
		}
	}
	if err := files.Check(phased.Text(path)); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := files.Check(phased.Text(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := os.Symlink("/etc/hosts", path); err != nil {
		t.Fatal(err)
	}
	if err := files.Check(phased.Text(path)); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "it is a link") {
		t.Errorf("%v", err)
	}
}

// Texts are searched, and files are added, by many at once.
func TestSecretFilesAtOnce(t *testing.T) {
	dir := t.TempDir()
	set := redact.NewSet(nil)
	files := WatchSecrets(set)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 20 {
				path, secret := filepath.Join(dir, fmt.Sprint(i, "-", j)), fmt.Sprintf("hunter22-%d-%d", i, j)
				files.Add(phased.Text(path))
				if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
					t.Error(err)
				}
				stream := redact.Stream{Set: set}
				got := string(stream.Next([]byte("a "+secret))) + string(stream.End())
				if got != "a "+redact.Mark {
					t.Errorf("%s", got)
				}
			}
		})
	}
	wait.Wait()
}
