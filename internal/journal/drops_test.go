package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"phased/internal/faultdisk"
)

func TestDrops(t *testing.T) {
	s := openStore(t, Options{})
	d, err := s.Drops(testID(1))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, _, err := d.Read("1.env", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	for i := range 300 { // more than one call lists
		if err := os.WriteFile(d.Path(fmt.Sprintf("%d.%s", 1000+i, strings.Repeat("x", 100))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string]bool{"1000.": true, "1299.": true, "1.": false, "1300.": false} {
		if left, err := d.Left(prefix); left != want || err != nil {
			t.Errorf("left of %s: %v, %v", prefix, left, err)
		}
	}
	for i := range 300 {
		if err := d.Remove(fmt.Sprintf("%d.%s", 1000+i, strings.Repeat("x", 100))); err != nil {
			t.Fatal(err)
		}
	}
	makers := map[string]func(path string) error{
		"file":      func(p string) error { return os.WriteFile(p, []byte("A=\xff\nB"), 0o664) },
		"long":      func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("x", 100)), 0o600) },
		"link":      func(p string) error { return os.Symlink("/etc/passwd", p) },
		"loop":      func(p string) error { return os.Symlink(p, p) },
		"fifo":      func(p string) error { return unix.Mkfifo(p, 0o600) },
		"directory": func(p string) error { return errors.Join(os.Mkdir(p, 0o700), os.WriteFile(p+"/x", nil, 0o600)) },
	}
	if os.Geteuid() == 0 {
		makers["other"] = func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o644), os.Chown(p, 65534, 65534)) }
	}
	for name, f := range makers {
		if err := f(d.Path(name)); err != nil {
			t.Fatal(err)
		}
		content, size, err := d.Read(name, 10)
		switch name {
		case "file":
			if string(content) != "A=\xff\nB" || size != 5 || err != nil {
				t.Errorf("%s: %q, %d, %v", name, content, size, err)
			}
		case "long":
			if len(content) != 10 || size != 100 || err != nil {
				t.Errorf("%s: %q, %d, %v", name, content, size, err)
			}
		default:
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %q, %v, expected it to be refused", name, content, err)
			}
		}
		if err := d.Remove(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.path(privateDir, testID(1))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was made for nothing: %v", err)
	}
}

// Runs share the directory, and nothing in it: none sees what hooks of another have
// left, and with what is forgotten of one the files of another stay.
func TestDropsOfSeveralRuns(t *testing.T) {
	s := openStore(t, Options{})
	var all []*Drops
	for i := range 3 {
		d, err := s.Drops(testID(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		all = append(all, d)
	}
	for _, d := range all[:2] {
		if err := errors.Join(os.WriteFile(d.Path("1.env"), []byte(d.id), 0o600), os.Mkdir(d.Path("2.env"), 0o700), d.Keep("carried", []byte(d.id))); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := all[2].Left("1."); left || err != nil {
		t.Errorf("one run sees what hooks of another have left: %v", err)
	}
	if err := all[2].Remove("1.env"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one run removes what hooks of another have left: %v", err)
	}
	if err := s.ForgetPrivate(testID(1)); err != nil {
		t.Error(err)
	}
	if names, err := s.list(privateDir + "/" + dropsDir); err != nil || len(names) != 2 {
		t.Errorf("there are %q, %v", names, err)
	}
	if got, _, err := all[1].Read("1.env", 100); string(got) != testID(2) || err != nil {
		t.Errorf("the other run reads %q, %v", got, err)
	}
	if kept, err := s.Kept(testID(2), "carried"); string(kept) != testID(2) || err != nil {
		t.Errorf("the other run has kept %q, %v", kept, err)
	}
	if _, err := s.Kept(testID(1), "carried"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was forgotten is there: %v", err)
	}
	if err := s.DropPrivate(testID(2)); err != nil {
		t.Error(err)
	}
	if _, err := s.Kept(testID(2), "carried"); err != nil {
		t.Errorf("what is kept went with the empty directory: %v", err)
	}
}

// What others could have put there is nobody's.
func TestDropsAreTrusted(t *testing.T) {
	s := openStore(t, Options{})
	d, err := s.Drops(testID(1))
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := os.Chmod(s.path(privateDir, dropsDir), 0o777); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Drops(testID(2)); err == nil {
		d.Close()
		t.Error("a directory that others can write was taken")
	}
}

// Whatever step a power cut comes at, the file is what it was or what it was to
// be; once Keep has said yes, it is that for good.
func TestKeepIsWholeOrNothing(t *testing.T) {
	inRoot := t.TempDir()
	const was, is = "what it was", "what it is to be"
	for at := range 20 {
		for _, saved := range []faultdisk.Pick{faultdisk.Nothing, faultdisk.Everything} {
			onDisk(t, inRoot, "run", func(root string, f *faultdisk.Disk, s *Store) {
				d, err := s.Drops(testID(1))
				if err == nil {
					err = d.Keep("carried", []byte(was))
				}
				if err != nil {
					t.Fatal(err)
				}
				f.Fail(len(f.Done())+at, 1<<30, faultdisk.ErrPower, 0)
				err = d.Keep("carried", []byte(is))
				d.Close()
				afterwards(t, root, f, saved, faultdisk.Nothing, func(s *Store, _ *faultdisk.Disk) {
					got, rerr := s.Kept(testID(1), "carried")
					if rerr != nil || string(got) != was && string(got) != is || err == nil && string(got) != is {
						t.Errorf("cut at step %d (kept: %v): %q, %v", at, err == nil, got, rerr)
					}
				})
			})
		}
	}
}
