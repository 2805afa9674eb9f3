package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// soundLines reads as far as there is no damage, and wants every line to be one
// of the run, in its place. It returns how many there are.
func soundLines(t *testing.T, content []byte, id string, lines [][]byte) int {
	t.Helper()
	r := newReader(bytes.NewReader(content), "file", id)
	for n := 0; ; n++ {
		rec, err := r.next()
		if err == nil {
			_, err = r.decode(rec)
		}
		if err != nil {
			return n
		}
		if n == len(lines) || !bytes.Equal(lines[n][:len(lines[n])-1], rec.line) {
			t.Fatalf("line %d is read as %s", n+1, rec.line)
		}
	}
}

// TestEveryBit flips each bit of the last 4 KiB of a run file, one at a time: the
// line that it is in is never taken for one of the run.
func TestEveryBit(t *testing.T) {
	id := testID(1)
	whole := encode(t, longRun(id))
	for at := len(whole) - 4<<10; at < len(whole); at++ {
		good := bytes.Count(whole[:at], []byte("\n"))
		for bit := range 8 {
			whole[at] ^= 1 << bit
			r := newReader(bytes.NewReader(whole), "file", id)
			r.off, r.line, r.seq = int64(lengthOf(whole, good)), good, uint64(good)
			rec, err := r.next()
			damage, told := errors.AsType[*CorruptError](err)
			if told && damage.Line != good+1 || !told && !errors.Is(err, errTorn) {
				t.Errorf("bit %d of byte %d, in line %d: %s, %v", bit, at, good+1, rec.line, err)
			}
			whole[at] ^= 1 << bit
		}
	}
}

// TestOldRunsDamaged cuts and flips run files of every released version, and lets
// all that reads them look: what is shown is a beginning of what was, and a run
// that can still be closed is closed.
func TestOldRunsDamaged(t *testing.T) {
	random, n := random(t, 40)
	files, err := filepath.Glob("../../testdata/runs/*" + suffix)
	if err != nil || len(files) == 0 {
		t.Fatalf("no run files: %v", err)
	}
	s := openStore(t, Options{})
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		id := runOf(whole)
		lines := bytes.SplitAfter(whole, []byte("\n"))
		for range n {
			content := bytes.Clone(whole)
			at := len(content)
			for range random.IntN(3) {
				hit := random.IntN(len(content))
				content[hit] ^= 1 << random.IntN(8)
				at = min(at, hit)
			}
			if random.IntN(2) == 0 {
				cut := random.IntN(len(content) + 1)
				content, at = content[:cut], min(at, cut)
			}
			good := bytes.Count(whole[:at], []byte("\n"))
			if got := soundLines(t, content, id, lines); got < good {
				t.Fatalf("%s, damaged at %d: %d lines are read, %d are good", file, at, got, good)
			}
			damagedRun(t, s, id, content, good)
		}
	}
}

// damagedRun lets the readers and the closer of a store have a damaged file.
func damagedRun(t *testing.T, s *Store, id string, content []byte, good int) {
	t.Helper()
	put(t, s, id, content)
	defer os.Remove(s.RunFile(id))
	run, err := s.Run(t.Context(), id)
	if err != nil && !readable(err) || run.Seq < uint64(good) || !run.Status.Final() {
		t.Fatalf("%d lines are good: %s with %d events, %v\n%q", good, run.Status, run.Seq, err, content)
	}
	if _, err := s.Runs(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := uint64(0)
	for e, err := range s.Follow(t.Context(), id, 0) {
		if err != nil && !readable(err) {
			t.Fatal(err)
		}
		seen = max(seen, e.Seq)
	}
	if seen < uint64(good) {
		t.Fatalf("Follow yields %d events, %d are good", seen, good)
	}
	if _, err := s.CloseDead("next"); err != nil && !readable(err) {
		t.Fatal(err)
	}
	after, err := os.ReadFile(s.RunFile(id))
	if errors.Is(err, os.ErrNotExist) && good == 0 {
		return
	}
	if again, err := s.Run(t.Context(), id); err != nil && !readable(err) || again.Seq < run.Seq || !bytes.HasPrefix(after, content[:min(len(content), lengthOf(content, good))]) {
		t.Fatalf("closed: %d events of %d, %v", again.Seq, run.Seq, err)
	}
}

// runOf returns the id that the first line names.
func runOf(content []byte) string {
	_, rest, _ := strings.Cut(string(content), `"run":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// lengthOf returns how many bytes the first n lines have.
func lengthOf(content []byte, n int) int {
	size := 0
	for line := range bytes.Lines(content) {
		if n--; n < 0 {
			break
		}
		size += len(line)
	}
	return size
}

// TestReaderFailsMidway: an error of the disk while reading is told as such, and
// what was read before it stays.
func TestReaderFailsMidway(t *testing.T) {
	id := testID(1)
	whole := encode(t, longRun(id))
	broken := errors.New("input/output error")
	r := newReader(readerAt(func(p []byte, off int64) (int, error) {
		if off > 0 {
			return 0, broken
		}
		return copy(p, whole[:1500]), nil
	}), "file", id)
	n := 0
	for {
		_, err := r.next()
		if err == nil {
			n++
			continue
		}
		if !errors.Is(err, broken) || errors.Is(err, io.EOF) || n != bytes.Count(whole[:1500], []byte("\n")) {
			t.Errorf("%d lines, then %v", n, err)
		}
		if _, damaged := errors.AsType[*CorruptError](err); damaged {
			t.Errorf("a disk that fails is told as damage: %v", err)
		}
		return
	}
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// FuzzDamage cuts a run file, flips bits of it and lets blocks read as zeros, as
// hits says: three bytes a hit.
func FuzzDamage(f *testing.F) {
	id := testID(1)
	whole := encode(f, longRun(id))
	lines := bytes.SplitAfter(whole, []byte("\n"))
	f.Add(uint16(len(whole)), []byte{})
	f.Add(uint16(len(whole)-3), []byte{0, 0, 1, 9, 0, 200})
	f.Add(uint16(5000), []byte{7, 0, 255, 7, 16, 8, 1, 1, 1})
	f.Fuzz(func(t *testing.T, cut uint16, hits []byte) {
		content := bytes.Clone(whole)
		at := len(content)
		for ; len(hits) >= 3; hits = hits[3:] {
			hit := (int(hits[0])<<8 | int(hits[1])) % len(content)
			if how := hits[2]; how < 128 {
				content[hit] ^= 1 << (how % 8)
			} else {
				clear(content[hit:min(len(content), hit+int(how))])
			}
			at = min(at, hit)
		}
		content = content[:min(int(cut), len(content))]
		good := bytes.Count(content[:min(at, len(content))], []byte("\n"))
		if n := soundLines(t, content, id, lines); n < good {
			t.Fatalf("%d lines are read, %d are good", n, good)
		}
	})
}
