package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"phased/internal/phased"
)

// TestFullDisk fills a real file system.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a tmpfs")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := Open(filepath.Join(dir, "state"), Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	id := testID(1)
	w := begin(t, s, id)
	sc := newScript(id)
	written := sc.all(started("/x"), phased.PhaseStarted{Phase: "configure"}, phased.HookStarted{Phase: "configure", Hook: "10-a"})
	if err := w.Append(written...); err != nil {
		t.Fatal(err)
	}
	for {
		// Batches of two lines that do not fit pages, so that a write ends in the middle of one.
		batch := sc.all(
			phased.HookOutput{Phase: "configure", Hook: "10-a", Stream: "out", Text: phased.Text(strings.Repeat("x", 1500))},
			phased.HookOutput{Phase: "configure", Hook: "10-a", Stream: "out", Text: phased.Text(strings.Repeat("y", 1500))},
		)
		if err = w.Append(batch...); err != nil {
			break
		}
		written = append(written, batch...)
		if len(written) > 1000 {
			t.Fatal("the disk never gets full")
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "cannot record run "+id) {
		t.Fatalf("error: %v", err)
	}
	info, _ := os.Stat(w.Path())
	if again := w.Append(sc.next(phased.RunWarning{})); !errors.Is(again, err) {
		t.Errorf("a later Append: %v", again)
	}
	if after, _ := os.Stat(w.Path()); after.Size() != info.Size() {
		t.Error("a later Append wrote")
	}
	if p, _ := os.ReadFile(w.Path()); len(p) == 0 || p[len(p)-1] != '\n' {
		t.Error("the file ends with a torn line")
	}
	run, err := s.Run(t.Context(), id)
	if err != nil || run.Status != phased.StatusRunning {
		t.Fatalf("%s, %v", run.Status, err)
	}
	if n := uint64(len(written)); run.Seq != n && run.Seq != n+1 { // the first line of the last batch may have fitted
		t.Errorf("the file has %d events, %d were acknowledged", run.Seq, n)
	}
	if closeErr := w.Close(); !errors.Is(closeErr, syscall.ENOSPC) {
		t.Errorf("Close: %v", closeErr)
	}
	// No room to close it either: it stays a dead run, and is closed when there is.
	if err := os.WriteFile(filepath.Join(dir, "fill"), bytes.Repeat([]byte{1}, 64<<10), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	before := info.Size()
	if runs, err := s.CloseDead("test"); len(runs) > 0 {
		if after, _ := os.Stat(w.Path()); after.Size() == before {
			t.Errorf("closed without writing: %v", err)
		}
	} else if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("CloseDead on a full disk: %v", err)
	}
	os.Remove(filepath.Join(dir, "fill"))
	if _, err := s.CloseDead("test"); err != nil {
		t.Fatal(err)
	}
	if run, err = s.Run(t.Context(), id); err != nil || run.Status != phased.StatusInterrupted || run.ClosedBy != "test" {
		t.Errorf("%s by %q, %v", run.Status, run.ClosedBy, err)
	}
}

// TestShortWrite cuts a write at every byte, by the process's file size limit.
func TestShortWrite(t *testing.T) {
	s := openStore(t, Options{})
	events := goodRun(testID(0), "/x")[:4]
	var line int
	for _, e := range events[:3] {
		b, _ := appendLine(nil, e)
		line += len(b)
	}
	limited := func(limit uint64, f func()) {
		var old syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)
		f()
	}
	for _, cut := range []int{0, 1, 17, line - 1, line, line + 1, line + 40} {
		id := testID(1000 + cut)
		w := begin(t, s, id)
		events := goodRun(id, "/x")[:4]
		var err error
		limited(uint64(cut), func() { err = w.Append(events...) })
		if !errors.Is(err, syscall.EFBIG) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		info, _ := os.Stat(w.Path())
		run, err := s.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var size int64
		for _, e := range events[:run.Seq] {
			b, _ := appendLine(nil, e)
			size += int64(len(b))
		}
		if info.Size() != size || info.Size() > int64(cut) {
			t.Errorf("cut at %d: the file has %d bytes, its %d whole lines have %d", cut, info.Size(), run.Seq, size)
		}
		if cut >= line && run.Seq != 3 {
			t.Errorf("cut at %d: %d whole lines stayed, want 3", cut, run.Seq)
		}
		w.Close()
	}
}
