package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"phased/internal/phased"
)

// Line is an event as it stands in its run file.
type Line struct {
	Kind phased.Kind
	Raw  []byte // with its newline; valid until the next one
	// Event decodes it.
	Event func() (phased.Event, error)
}

// Lines yields what is on record of the run now, line by line as it was written.
func (s *Store) Lines(ctx context.Context, id string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		f, err := s.openRun(id, os.O_RDONLY)
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer f.Close()
		pass(ctx, newReader(f, f.Name(), id), rawLines{yield})
	}
}

// rawLines yields every line.
type rawLines struct{ yield func(Line, error) bool }

func (t rawLines) fail(err error) { t.yield(Line{}, err) }

func (t rawLines) take(r *reader, rec record) (bool, error) {
	// What skip has left behind the line is its newline.
	raw := rec.line[: len(rec.line)+1 : len(rec.line)+1]
	return t.yield(Line{Kind: rec.kind, Raw: raw, Event: func() (phased.Event, error) { return r.decode(rec) }}, nil), nil
}

// EncodeLine returns an event as a line of a run file.
func EncodeLine(e phased.Event) ([]byte, error) { return appendLine(nil, e) }

// ErrNoRunFile says that a file is not one of a run at all.
var ErrNoRunFile = errors.New("it is no run file")

// Copy is a run file that lies somewhere else than in the record: copied, sent,
// taken out of a page. Nobody knows of it whether its run goes on.
type Copy struct {
	file io.ReaderAt
	name string
	id   string
}

// ReadCopy returns the run file that is read from file; name is for errors. The
// error is ErrNoRunFile, a *CorruptError of its first line, a wrapped
// *phased.NewerVersionError, or the reader's.
func ReadCopy(name string, file io.ReaderAt) (*Copy, error) {
	r := newReader(file, name, "")
	line, err := r.take()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, errTorn):
		return nil, ErrNoRunFile
	case err != nil:
		return nil, err
	case !bytes.HasPrefix(line, []byte("{")):
		return nil, ErrNoRunFile
	}
	if err := newer(line); err != nil {
		return nil, r.refuse(err)
	}
	if !sealed(line) {
		return nil, ErrNoRunFile
	}
	if !sound(line) {
		return nil, &CorruptError{name, 1, "its checksum does not fit"}
	}
	rec, err := parse(line)
	if err != nil {
		return nil, &CorruptError{name, 1, err.Error()}
	}
	if !validID(rec.run) || rec.seq != 1 || rec.kind != phased.KindRunStarted {
		return nil, &CorruptError{name, 1, fmt.Sprintf("it is event %d, %s, and not the beginning of a run", rec.seq, rec.kind)}
	}
	return &Copy{file, name, rec.run}, nil
}

// ID is the id of the run.
func (c *Copy) ID() string { return c.id }

// Run folds what the file has: a run that is not final was copied while it went
// on, or its phased has died. Where the file is damaged, the run is what stands before
// the damage, beside a *CorruptError.
func (c *Copy) Run(ctx context.Context) (phased.Run, error) {
	run := phased.Run{ID: c.id, Status: phased.StatusRunning}
	return run, fold(ctx, newReader(c.file, c.name, c.id), &run)
}

// Events yields every event of the file.
func (c *Copy) Events(ctx context.Context) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		pass(ctx, newReader(c.file, c.name, c.id), whole{0, yield})
	}
}

// Output yields the captured output of one hook, as Store.Output does.
func (c *Copy) Output(ctx context.Context, phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error] {
	return func(yield func(phased.HookOutput, error) bool) {
		pass(ctx, newReader(c.file, c.name, c.id), outputs{phase, hook, yield})
	}
}
