package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
)

// ids returns the ids of all runs, newest first: ids sort by the time at which
// they were made.
func (s *Store) ids() ([]string, error) {
	ids, err := s.idsUnsorted()
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, err
}

func (s *Store) idsUnsorted() ([]string, error) {
	names, err := s.list(runsDir)
	if err != nil {
		return nil, err
	}
	ids := names[:0]
	for _, n := range names {
		if id, ok := strings.CutSuffix(n, suffix); ok && validID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Runs implements phased.Source. It reads the first and the last line of each
// file only: a run that goes on is shown as running, also where it is failing.
// A file that cannot be read is shown with its id and no lifecycle; Run tells
// why.
func (s *Store) Runs(ctx context.Context) ([]phased.Summary, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	all := make([]phased.Summary, 0, len(ids))
	var l look
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum, err := s.summary(id, &l)
		if errors.Is(err, phased.ErrNoRun) {
			continue // pruned meanwhile
		}
		if err != nil && !listed(err) {
			return nil, err
		}
		all = append(all, sum)
	}
	return all, nil
}

// readable reports whether the error is about what stands in a file, not about
// reading it.
func readable(err error) bool {
	_, damaged := errors.AsType[*CorruptError](err)
	_, newer := errors.AsType[*phased.NewerVersionError](err)
	return damaged || newer
}

// listed reports whether a run is on the list in spite of the error. Files that
// belong to others, such as those of a time before there was the group, take
// nobody the rest of the list.
func listed(err error) bool { return readable(err) || errors.Is(err, fs.ErrPermission) }

// look reads the two ends of run files; its buffers serve one file after the
// other.
type look struct {
	head, tail []byte
}

const lookSize = 16 << 10

// summary looks at one run. Where the file is damaged or of a newer format, the
// summary has the id and the status beside the error.
func (s *Store) summary(id string, l *look) (phased.Summary, error) {
	sum := phased.Summary{ID: id}
	f, err := s.openRun(id, os.O_RDONLY)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	err = l.first(f, &sum)
	ended := false
	if err == nil {
		ended, err = l.last(f, &sum)
	}
	if ended || (err != nil && !readable(err)) {
		return sum, err
	}
	live, probe := s.locked(f)
	if probe != nil {
		return sum, probe
	}
	sum.Status = phased.StatusRunning
	if !live {
		sum.Status = phased.StatusInterrupted
		again, _ := l.last(f, &sum)
		if !again && sum.Began.IsZero() {
			sum.Began = modTime(f)
		}
		if !again && s.rebooted != nil {
			fold := func() phased.Run { r, _ := s.Run(context.Background(), id); return r }
			if s.rebooted(id, fold) != nil {
				sum.Status = phased.StatusWaiting
			}
		}
	}
	return sum, err
}

func modTime(f *os.File) time.Time {
	info, err := f.Stat()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime().UTC()
}

// first reads run.started; a file that has no whole line yet is no error.
func (l *look) first(f *os.File, sum *phased.Summary) error {
	if l.head == nil {
		l.head = make([]byte, lookSize)
	}
	n, err := f.ReadAt(l.head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot read run file: %w", err)
	}
	line := l.head[:n]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	} else if n == len(l.head) {
		r := newReader(f, f.Name(), sum.ID)
		line, err = r.take()
		if err != nil {
			return ignoreTorn(err)
		}
	} else {
		return nil
	}
	var e struct {
		V    int       `json:"v"`
		Time time.Time `json:"t"`
		Data struct {
			Lifecycle   string      `json:"lifecycle"`
			Base        phased.Text `json:"base"`
			Personality string      `json:"personality"`
			Pid         int         `json:"pid"`
			PidStart    uint64      `json:"pid_start"`
			BootID      string      `json:"boot_id"`
			Parent      string      `json:"parent"`
			Resumes     string      `json:"resumes"`
			From        string      `json:"from"`
		} `json:"data"`
	}
	fits := sound(line)
	if fits {
		err = json.Unmarshal(line, &e)
	}
	// The version is in what was decoded: a second look costs half of a list.
	if !fits || err != nil || e.V > phased.EventVersion {
		if newer := newer(line); newer != nil {
			return fmt.Errorf("cannot read run file %s, line 1: %w", f.Name(), newer)
		}
	}
	switch {
	case !fits:
		return &CorruptError{f.Name(), 1, "its checksum does not fit"}
	case err != nil:
		return &CorruptError{f.Name(), 1, err.Error()}
	}
	d := e.Data
	sum.Lifecycle, sum.Base, sum.Personality, sum.Began = d.Lifecycle, d.Base, d.Personality, e.Time
	sum.Pid, sum.PidStart, sum.BootID = d.Pid, d.PidStart, d.BootID
	sum.Parent, sum.Resumes, sum.From = d.Parent, d.Resumes, d.From
	return nil
}

func ignoreTorn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
		return nil
	}
	return err
}

// last reads the last sound line from the end of the file, and reports whether
// it is the run's final event.
func (l *look) last(f *os.File, sum *phased.Summary) (bool, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("cannot read run file: %w", err)
	}
	for want := int64(lookSize); ; want *= 4 {
		want = min(want, size)
		if int64(cap(l.tail)) < want {
			l.tail = make([]byte, want)
		}
		n, err := f.ReadAt(l.tail[:want], size-want)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("cannot read run file: %w", err)
		}
		if line := lastSound(l.tail[:n], want == size); line != nil {
			rec, err := parse(line)
			return err == nil && summarize(rec, sum), nil // what is wrong, Run tells
		}
		if want == size || want > maxLine {
			return false, nil
		}
	}
}

// lastSound finds the last sound line of p; whole says that p is the whole file.
func lastSound(p []byte, whole bool) []byte {
	for {
		end := bytes.LastIndexByte(p, '\n')
		if end < 0 {
			return nil
		}
		start := bytes.LastIndexByte(p[:end], '\n') + 1
		if start == 0 && !whole {
			return nil
		}
		if sound(p[start:end]) {
			return p[start:end]
		}
		p = p[:start]
	}
}

// summarize adds what the last event tells, and reports whether it is final.
func summarize(rec record, sum *phased.Summary) bool {
	sum.Took = rec.mono
	e, err := rec.brief()
	if err != nil {
		return false
	}
	switch d := e.Data.(type) {
	case phased.RunFinished:
		sum.Status, sum.ExitCode, sum.Failure = d.Status, d.ExitCode, d.Failure
		sum.Ended, sum.Took, sum.Ran, sum.Failed = e.Time, d.Took, d.Ran, d.Failed
		if !sum.Status.Final() { // as Run.Apply has it
			sum.Status = phased.StatusFailed
		}
		return true
	case phased.RunWaiting:
		sum.Status, sum.ExitCode, sum.Ran, sum.Failed = phased.StatusWaiting, d.ExitCode, d.Ran, d.Failed
		if sum.Ended = e.Time; d.Took > 0 {
			sum.Took = d.Took
		}
		return true
	case phased.RunInterrupted:
		sum.Status, sum.Failure = phased.StatusInterrupted, d.Failure
		sum.Ended, sum.Ran, sum.Failed = e.Time, d.Ran, d.Failed
		return true
	}
	return false
}

// Run implements phased.Source. Where the file is damaged, the run is what
// stands before the damage, beside a *CorruptError.
func (s *Store) Run(ctx context.Context, id string) (phased.Run, error) {
	f, err := s.openRun(id, os.O_RDONLY)
	if err != nil {
		return phased.Run{}, err
	}
	defer f.Close()
	r := newReader(f, f.Name(), id)
	run := phased.Run{ID: id, Status: phased.StatusRunning}
	damage := fold(ctx, r, &run)
	if run.Status.Final() || (damage != nil && !readable(damage)) {
		return run, damage
	}
	live, err := s.locked(f)
	if err != nil || live {
		return run, errors.Join(damage, err)
	}
	if damage == nil {
		// It may have ended between the last read and the probe.
		damage = fold(ctx, r, &run)
	}
	if !run.Status.Final() {
		if w := s.waits(run); w != nil {
			return run.AsWaiting(*w), damage
		}
	}
	return run.AsInterrupted(), damage
}

// fold applies what the file has now. A torn last line is no error.
func fold(ctx context.Context, r *reader, run *phased.Run) error {
	for n := 0; !run.Status.Final(); n++ {
		rec, err := r.next()
		if err != nil {
			return ignoreTorn(err)
		}
		e, err := rec.brief()
		if err != nil {
			return r.corrupt(err.Error())
		}
		run.Apply(e)
		if n&0xff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// ErrAmbiguous says that a prefix stands for several runs.
var ErrAmbiguous = errors.New("ambiguous run")

// Resolve returns the full id of "last", -1 (the same), -2 (the one before), a
// full id, or a prefix that only one run has; upper and lower case are the same.
// The last runs are those that were not run inside of another.
func (s *Store) Resolve(ctx context.Context, ref string) (string, error) {
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("%w: %q; %s has no runs yet", phased.ErrNoRun, ref, s.dir)
	}
	if ref == "last" {
		ref = "-1"
	}
	if n, err := strconv.Atoi(ref); err == nil && strings.HasPrefix(ref, "-") {
		return s.nth(ctx, ids, -n, ref)
	}
	var found []string
	for _, id := range ids {
		if id == ref {
			return id, nil
		}
		if ref != "" && len(id) >= len(ref) && strings.EqualFold(id[:len(ref)], ref) {
			found = append(found, id)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return "", fmt.Errorf("%w: %q; type last, -2, or an id or the start of one from \"phased runs\"", phased.ErrNoRun, ref)
	}
	const most = 5
	list, rest := found, ""
	if len(found) > most {
		list, rest = found[:most], fmt.Sprintf(" and %d more", len(found)-most)
	}
	return "", fmt.Errorf("%w: %q is the start of %d ids: %s%s; type more of it", ErrAmbiguous, ref, len(found), strings.Join(list, ", "), rest)
}

// nth returns the nth last run that was not run inside of another.
func (s *Store) nth(ctx context.Context, ids []string, n int, ref string) (string, error) {
	var l look
	outer := 0
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		// A run that cannot be read is none of whose parent is known.
		if sum, _ := s.summary(id, &l); sum.Parent != "" {
			continue
		}
		if outer++; outer == n {
			return id, nil
		}
	}
	if outer == 1 {
		return "", fmt.Errorf("%w: %s; there is one, -1", phased.ErrNoRun, ref)
	}
	return "", fmt.Errorf("%w: %s; there are %d, -1 is the last and -%d the first", phased.ErrNoRun, ref, outer, outer)
}
