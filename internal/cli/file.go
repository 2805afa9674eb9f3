package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"phased/internal/capsule"
	"phased/internal/journal"
	"phased/internal/phased"
)

// openCopy reads the run in a file that lies outside of the record: a page that
// `phased capsule` made, or a run file that was copied. The file is closed by the
// function that comes back.
func openCopy(path string) (*journal.Copy, func(), error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would let it wait
	if err != nil {
		return nil, nil, invalid("cannot open %s: %v", path, plainError(err))
	}
	run, err := readCopy(path, f)
	if err != nil {
		f.Close()
		return nil, nil, invalid("cannot read a run from %s: %v", path, err)
	}
	return run, func() { f.Close() }, nil
}

func readCopy(path string, f *os.File) (*journal.Copy, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, plainError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, plainError(err)
	}
	if capsule.Begins(head[:n]) {
		record, err := capsule.Read(f)
		if err != nil {
			return nil, err
		}
		return journal.ReadCopy(path, bytes.NewReader(record))
	}
	run, err := journal.ReadCopy(path, f)
	if errors.Is(err, journal.ErrNoRunFile) {
		return nil, errors.New("it is neither a page that phased capsule has made nor a run file (of the runs directory of a record)")
	}
	return run, err
}

// plainError is an error of a file without its name, which is said already.
func plainError(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// namesCopy reports whether a RUN argument stands for the one run of a file.
func namesCopy(ref, id string) bool {
	return ref == "last" || ref == "-1" || ref != "" && len(ref) <= len(id) && strings.EqualFold(id[:len(ref)], ref)
}

// findCopy returns the run of a file, as findRun does that of the record.
func findCopy(ctx context.Context, w *World, path string, c *journal.Copy) (r phased.Run, damage error) {
	r, err := c.Run(ctx)
	if err != nil {
		return r, invalid("%s is damaged, and what follows the damage is not shown: %v", path, err)
	}
	if !r.Status.Final() {
		w.talk("%s ends before its run does: it was copied while that went on, or phased died", path)
	}
	return r, nil
}
