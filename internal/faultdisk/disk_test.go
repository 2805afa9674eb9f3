package faultdisk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// disk is a disk with a file of which "safe " was synced and "rest" was not.
func disk(t *testing.T) (d *Disk, root string, f *os.File) {
	t.Helper()
	root = t.TempDir()
	d = New(root)
	f, err := d.Create(filepath.Join(root, "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	for _, err := range []error{second(d.Write(f, []byte("safe "))), d.Sync(f), d.SyncDir(root), second(d.Write(f, []byte("rest")))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return d, root, f
}

func second[T any](_ T, err error) error { return err }

// found is what a power cut leaves under the name, "" for nothing.
func found(t *testing.T, d *Disk, name string, saved, zeros Pick) string {
	t.Helper()
	dir := t.TempDir()
	if err := d.PowerCut(dir, saved, zeros); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func TestContent(t *testing.T) {
	d, _, f := disk(t)
	if text, _ := os.ReadFile(f.Name()); string(text) != "safe rest" {
		t.Errorf("while the power is on: %q", text)
	}
	one := func(n int) int { return min(1, n) }
	torn := func(n int) int { return []int{0, 0, 0, 0, 2}[min(n, 4)] } // no change as a whole, two bytes of the next
	for want, c := range map[string][2]Pick{
		"safe ":                 {Nothing, Nothing},
		"safe rest":             {Everything, Nothing},
		"safe re":               {torn, Nothing},
		"safe \x00\x00\x00\x00": {Everything, one},
	} {
		if got := found(t, d, "file", c[0], c[1]); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	if err := d.Truncate(f, 2); err != nil {
		t.Fatal(err)
	}
	if got := found(t, d, "file", Nothing, Nothing); got != "safe " {
		t.Errorf("a cut that is not synced: %q", got)
	}
	if got := found(t, d, "file", Everything, Nothing); got != "sa" {
		t.Errorf("a cut: %q", got)
	}
}

// A rename is safe with its directory, and the content with its file.
func TestNames(t *testing.T) {
	d, root, f := disk(t)
	if err := d.Rename(f.Name(), filepath.Join(root, "new")); err != nil {
		t.Fatal(err)
	}
	if got := found(t, d, "file", Nothing, Nothing) + "," + found(t, d, "new", Nothing, Nothing); got != "safe ," {
		t.Errorf("before the directory is synced: %q", got)
	}
	if err := d.SyncDir(root); err != nil {
		t.Fatal(err)
	}
	if got := found(t, d, "file", Nothing, Nothing) + "," + found(t, d, "new", Nothing, Nothing); got != ",safe " {
		t.Errorf("after: %q", got)
	}
	if err := errors.Join(d.Link(filepath.Join(root, "new"), filepath.Join(root, "second")), d.Remove(filepath.Join(root, "new"))); err != nil {
		t.Fatal(err)
	}
	if got := found(t, d, "new", Nothing, Nothing) + "," + found(t, d, "second", Everything, Nothing); got != "safe ,safe rest" {
		t.Errorf("a second name and the first gone: %q", got)
	}
	if err := d.Remove(filepath.Join(root, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removing nothing: %v", err)
	}
}

// What a sync failed on may be gone although the next one succeeds.
func TestFailedSync(t *testing.T) {
	d, _, f := disk(t)
	n := len(d.Done())
	d.Fail(n+1, n+1, syscall.EIO, 0)
	if err := d.Sync(f); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := d.Sync(f); err != nil {
		t.Fatal(err)
	}
	if got := found(t, d, "file", Nothing, Nothing); got != "safe " {
		t.Errorf("found %q", got)
	}
}

func TestFaults(t *testing.T) {
	d, root, f := disk(t)
	n := len(d.Done())
	d.Fail(n+1, n+2, syscall.ENOSPC, 1)
	if got, err := d.Write(f, []byte("xyz")); got != 1 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", got, err)
	}
	if _, err := d.Create(filepath.Join(root, "other")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("create: %v", err)
	}
	if got, err := d.Write(f, []byte("yz")); got != 2 || err != nil {
		t.Errorf("after the fault: wrote %d, %v", got, err)
	}
	d.Fail(n+4, n+4, ErrPower, 0)
	if _, err := d.Write(f, []byte("!")); !errors.Is(err, ErrPower) || !d.Off() {
		t.Errorf("when the power goes: %v", err)
	}
	if err := errors.Join(d.Mkdir(filepath.Join(root, "dir"), 0o755)); !errors.Is(err, ErrPower) {
		t.Errorf("afterwards: %v", err)
	}
	if text, _ := os.ReadFile(f.Name()); string(text) != "safe restxyz" {
		t.Errorf("the file holds %q", text)
	}
	if got := found(t, d, "file", Everything, Nothing); got != "safe restxyz!" {
		t.Errorf("what was being written may be there: %q", got)
	}
}
