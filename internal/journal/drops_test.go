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
	if err := s.DropPrivate(testID(1)); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(d.Path("")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty directory is still there: %v", err)
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
