package plan

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// write makes a file with its directories.
func write(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// hook makes an executable script.
func hook(t testing.TB, path string) { t.Helper(); write(t, path, "#!/bin/sh\n", 0o755) }

// link makes a symbolic link with its directories.
func link(t testing.TB, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// letters are what random names are made of: all that names hold in the field,
// and all that makes tools stumble.
func letters() []string {
	return []string{
		"0", "1", "2", "9", "10", "007", "-", "-", "_", "a", "b", "B", "Z", "z", "e", "x", ".", ".5", " ", "\n", "\t",
		"~", "#", "+", ",", ":", "@", "*", "?", "[", "]", "\\", "'", "\"", "$", "%", "é", "\xff", "\xc3", "ß", ".sh", ".dpkg-old",
	}
}

// randomName makes a name; the first fair letters are more likely.
func randomName(r *rand.Rand) string {
	all := letters()
	n := 1 + r.IntN(5)
	name := ""
	for range n {
		if r.IntN(5) > 0 {
			name += all[r.IntN(16)]
		} else {
			name += all[r.IntN(len(all))]
		}
	}
	if name == "." || name == ".." {
		return "dots"
	}
	return name
}

// randomDir fills a directory with entries of every kind, and returns their names.
func randomDir(t testing.TB, r *rand.Rand, dir string, max int) []string {
	t.Helper()
	mkdir(t, dir)
	names := map[string]bool{}
	for range r.IntN(max + 1) {
		name := randomName(r)
		if names[name] {
			continue
		}
		names[name] = true
		randomEntry(t, r, filepath.Join(dir, ".")+"/"+name)
	}
	list := make([]string, 0, len(names))
	for n := range names {
		list = append(list, n)
	}
	return list
}

func randomEntry(t testing.TB, r *rand.Rand, path string) {
	t.Helper()
	var err error
	switch r.IntN(16) {
	case 0:
		write(t, path, "#!/bin/sh\n", 0o644)
	case 1:
		write(t, path, "", []os.FileMode{0o010, 0o001, 0o100, 0o700, 0}[r.IntN(5)])
	case 2:
		err = os.Mkdir(path, 0o755)
	case 3:
		err = os.Symlink("nowhere", path)
	case 4:
		err = os.Symlink("/dev/null", path)
	case 5:
		err = os.Symlink("/bin/true", path)
	case 6:
		err = os.Symlink("/tmp", path)
	case 7:
		err = unix.Mkfifo(path, 0o755)
	case 8:
		err = os.Symlink(filepath.Base(path), path)
	case 9:
		err = os.Symlink("/etc/hostname/x", path)
	case 10:
		err = unix.Mknod(path, unix.S_IFSOCK|0o755, 0)
	default:
		write(t, path, fmt.Sprintf("#!/bin/sh\n# %d\n", r.IntN(1000)), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rounds returns how often a test with random input repeats: n, or as
// PHASED_SOAK says.
func rounds(t testing.TB, n int) int {
	t.Helper()
	if s := os.Getenv("PHASED_SOAK"); s != "" {
		k, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("PHASED_SOAK=%s: expected a factor such as 20", s)
		}
		n *= k
	}
	return n
}

// seed returns the seed of a test with random input: PHASED_SEED, or 1.
func seed(t testing.TB) uint64 {
	t.Helper()
	s := os.Getenv("PHASED_SEED")
	if s == "" {
		return 1
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("PHASED_SEED=%s: expected a number", s)
	}
	return n
}

func removeAll(t testing.TB, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}
