package shellinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/records"
)

// Personality is what run.started says of a run that a shell does by itself.
const Personality = "shell-init"

// MaxBytes is how much of a shell's records is folded.
const MaxBytes = 64 << 20

// List finds the entries of a hook directory, with their verdicts: those of the
// paths that the shell goes through first, in that order.
type List func(p phased.PlannedPhase, paths []phased.Text) (phased.PlannedPhase, error)

// Head is the first record: it holds what the shell cannot know of its run.
func Head(start phased.RunStarted) ([]byte, error) {
	text, err := json.Marshal(start)
	if err != nil {
		return nil, err
	}
	return records.Append(nil, "run", string(text)), nil
}

// Ended is the last record, where the shell's exit status is known.
func Ended(at time.Time, x phased.Exit) []byte {
	return records.Append(nil, "ended", stamp(at), strconv.Itoa(x.Status), strconv.Itoa(x.Signal))
}

// Unknown is the last record where the shell's exit status is not known.
func Unknown(at time.Time) []byte { return records.Append(nil, "ended", stamp(at)) }

func stamp(t time.Time) string {
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// Shell is the process that is recorded.
type Shell struct {
	Pid   int
	Start uint64 // clock ticks since boot; 0: unknown
}

// Fold makes events of a shell's records. It is used by one goroutine.
//
//	run ──► shell ──► (enter ──► (before ──► after | skip)* ──► leave)* ──► ended
//
// A hook may call run_phase itself: what it does stands between its before and
// its after. Records that come out of turn are passed over.
type Fold struct {
	list     List
	start    *phased.RunStarted
	shell    Shell
	run      phased.Run
	buf      []byte
	size     int64
	open     []*point
	now      time.Time // of the last record
	mono     time.Duration
	events   []phased.Event
	declined bool
	bad      bool
	ended    bool
	exit     *phased.Exit
}

// point is a hook point that the shell is in.
type point struct {
	name  string
	args  []phased.Text
	began time.Time
	hook  *hook
}

// hook is one that is being sourced, or a function of the shell's that is called
// in a hook's place.
type hook struct {
	name  phased.Text
	began time.Time
	was   *state
}

// New returns the fold of a run's records. Without a list, a phase's entries are
// what the shell found.
func New(id string, list List) *Fold {
	return &Fold{list: list, run: phased.Run{ID: id}}
}

// Shell returns the shell; false: it has not begun.
func (f *Fold) Shell() (Shell, bool) { return f.shell, f.began() }

// BootID returns the boot that the run began in; "": unknown.
func (f *Fold) BootID() string {
	if f.start == nil {
		return ""
	}
	return f.start.BootID
}

// Declined reports whether the shell is recorded already, by another run.
func (f *Fold) Declined() bool { return f.declined }

// Ended reports whether the last record was read.
func (f *Fold) Ended() bool { return f.ended }

// Run returns the run so far.
func (f *Fold) Run() phased.Run { return f.run }

func (f *Fold) began() bool { return f.run.Seq > 0 }

// Add folds further bytes of the records, and returns the events that they make.
// A record that is not complete waits for the rest.
func (f *Fold) Add(b []byte) []phased.Event {
	f.events = nil
	if f.bad {
		return nil
	}
	f.size += int64(len(b))
	f.buf = append(f.buf, b...)
	rest := f.buf
	for !f.bad {
		fields, next, err := records.Next(rest)
		if errors.Is(err, records.ErrShort) {
			break
		}
		if err != nil {
			f.damaged("the rest of the shell's records cannot be read")
			break
		}
		rest = next
		f.record(fields)
	}
	if f.size > MaxBytes && !f.bad {
		f.damaged(fmt.Sprintf("the shell has written more than %d MiB of records: the rest is left out", MaxBytes>>20))
	}
	f.buf = append(f.buf[:0:0], rest...)
	return f.take()
}

// Torn drops what stands at the end and is no whole record, and returns how many
// bytes that are: the shell was killed while it wrote, and nothing can follow.
func (f *Fold) Torn() int {
	n := len(f.buf)
	f.buf = nil
	return n
}

func (f *Fold) damaged(message string) {
	f.bad = true
	if f.began() {
		f.emit(phased.RunWarning{Message: message})
	}
}

func (f *Fold) take() []phased.Event {
	e := f.events
	f.events = nil
	return e
}

// emit makes an event of the time of the last record.
func (f *Fold) emit(p phased.Payload) {
	if f.began() {
		f.mono = max(f.mono, f.now.Sub(f.run.Began))
	}
	e := phased.Event{Run: f.run.ID, Seq: f.run.Seq + 1, Time: f.now, Mono: f.mono, Data: p}
	f.run.Apply(e)
	f.events = append(f.events, e)
}

// record folds one record.
func (f *Fold) record(b [][]byte) {
	r := make([]string, len(b))
	for i := range b {
		r[i] = string(b[i])
	}
	kind := r[0]
	switch {
	case f.ended || f.declined:
	case kind == "run" && len(r) == 2 && f.start == nil:
		var s phased.RunStarted
		if json.Unmarshal([]byte(r[1]), &s) == nil {
			f.start = &s
		}
	case kind == "decline" && !f.began():
		f.declined = true
	case len(r) < 2 || f.start == nil:
	default:
		f.now = f.clock(r[1])
		f.timed(kind, r[2:])
	}
}

// timed folds a record that has a time.
func (f *Fold) timed(kind string, r []string) {
	switch {
	case kind == "shell" && len(r) == 5+states && !f.began():
		f.begin(r)
	case !f.began():
	case kind == "enter" && len(r) >= 4:
		f.enter(r)
	case kind == "ended":
		f.ended = true
		if len(r) == 2 {
			x := exitOf(number(r[0], 255), number(r[1], 64))
			f.exit = &x
		}
	case len(f.open) == 0:
	case kind == "before" && len(r) == 1+states:
		f.before(phased.Text(r[0]), parseState(r[1:]))
	case kind == "after" && len(r) == 1+states:
		f.after(number(r[0], 255), parseState(r[1:]))
	case kind == "skip" && len(r) == 2:
		f.skip(phased.Text(r[0]), r[1] != "")
	case kind == "leave" && len(r) == 0:
		f.leave(phased.StatusSucceeded)
	}
}

// clock reads $EPOCHREALTIME, whose point may be a comma. What is no time is the
// time of the record before.
func (f *Fold) clock(text string) time.Time {
	i := strings.IndexAny(text, ".,")
	if i < 1 || len(text) != i+7 {
		return f.now
	}
	sec, err := strconv.ParseInt(text[:i], 10, 64)
	micro, err2 := strconv.ParseUint(text[i+1:], 10, 32)
	const year9999 = 253370764800
	if err != nil || err2 != nil || sec < 0 || sec > year9999 {
		return f.now
	}
	return time.Unix(sec, int64(micro)*1000).UTC()
}

// begin folds what the shell tells of itself: PID STAT VERSION NAME TOP_DIR STATE.
func (f *Fold) begin(r []string) {
	f.shell = Shell{Pid: number(r[0], 1<<30)}
	if st, err := proc.Parse([]byte(r[1])); err == nil && st.Pid == f.shell.Pid {
		f.shell.Start = st.Start
	}
	s, is := *f.start, parseState(r[5:])
	dir := is.dir
	s.Base = phased.Text(r[4])
	switch {
	case s.Base == "":
		s.Base = dir
	case s.Base[0] != '/':
		s.Base = phased.Text(path.Join(string(dir), string(s.Base)))
	}
	s.Roots = []phased.Text{s.Base}
	s.Lifecycle = lifecycle(r[3])
	s.Surroundings = phased.Surroundings{Dir: dir, Umask: is.umaskNumber(), Stdin: "inherit"}
	if s.Phases == nil {
		s.Phases = []string{}
	}
	f.emit(s)
	f.emit(phased.SessionStarted{Pid: f.shell.Pid, PidStart: f.shell.Start, Bash: clean(r[2], 100), Options: is.onlySet()})
}

// lifecycle names the run by the script: stack.sh is stack.
func lifecycle(name string) string {
	name = strings.TrimSuffix(path.Base(name), ".sh")
	switch strings.TrimPrefix(name, "-") {
	case "", ".", "/", "bash", "sh", "rbash":
		return "shell"
	}
	return clean(name, 100)
}

// clean makes text of what may be no text at all.
func clean(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "?")
}

// number reads a number from 0 to most, and gives most where there is none.
func number(text string, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return most
	}
	return n
}
