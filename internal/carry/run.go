package carry

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"phased/internal/phased"
)

// Files is a directory of a run that nobody else can read. Names are plain.
type Files interface {
	// Path is the path of a file, which need not exist.
	Path(name string) string
	// Left reports whether there is a file whose name begins so: most hooks leave
	// none, and opening three costs more.
	Left(prefix string) (bool, error)
	// Read returns a file's beginning, up to limit bytes, and its whole size: an
	// error that is fs.ErrNotExist where there is none, and another one where it is
	// no regular file of this user.
	Read(name string, limit int64) (content []byte, size int64, err error)
	Remove(name string) error
	// Keep writes a file whole, and returns when it would survive a power cut.
	Keep(name string, content []byte) error
}

// LogFile is the name of the file in which the log is kept.
const LogFile = "carried"

// Options are what a Run needs.
type Options struct {
	Files  Files
	Allow  Names    // of the settings
	Total  int      // bytes that all that is carried may come to, as the kernel counts; 0: MaxTotal
	Redact Redactor // takes secrets out of what is told
	// Learn remembers the value of a variable where its name is that of a secret.
	Learn func(name, value string)
	// Keep says that the log is kept in LogFile, for a resume.
	Keep bool
	// Log is what the hooks of the run that this one goes on with have handed on.
	Log *Log
	// Takes reports whether hooks of a phase can hand on anything, and whether that
	// is needed for a resume.
	Takes func(phase string) (takes, kept bool)
	// Less is the run order of the hooks of a phase, and Together reports whether two
	// of them are run at once, so that none of them sees what the other hands on.
	Less, Together func(phase string, a, b phased.Text) bool
}

// Run hands values from hook to hook in one run. Its methods may be called at the
// same time.
//
//	Before: the hook gets what is carried, and paths for what it hands on
//	After:  what it has written is read, and kept for a resume
//	Settle: what hooks of one number have handed on counts from now on
//	Passed: a hook is passed over: what it handed on in the run that this one goes
//	        on with will count in its place
type Run struct {
	o Options

	mu      sync.Mutex
	base    []phased.Text // environment of the phase
	values  Values
	env     []phased.Text // that of values, on base
	log     Log
	pending []Handed
	running map[hookName]int // by which number their files go
	started int
	tell    func(phased.Payload)
	untold  []phased.Payload
}

type hookName struct {
	phase string
	hook  phased.Text
}

// NewRun returns what carries values in one run.
func NewRun(o Options) *Run {
	if o.Total == 0 {
		o.Total = MaxTotal
	}
	r := &Run{o: o, running: map[hookName]int{}}
	if o.Log != nil {
		r.log.all = slices.Clone(o.Log.all)
	}
	return r
}

// Begin makes what the run goes on with its own: it learns the secrets in it, and
// keeps it.
func (r *Run) Begin() error {
	for _, h := range r.log.all {
		r.learn(h)
	}
	if r.log.Empty() {
		return nil
	}
	return r.keep()
}

// Enter tells the environment that hooks of a phase start with, and who records
// what cannot wait for the next hook's end.
func (r *Run) Enter(base []phased.Text, tell func(phased.Payload)) {
	r.mu.Lock()
	r.base, r.tell, r.env = base, tell, nil
	untold := r.untold
	r.untold = nil
	r.mu.Unlock()
	for _, p := range untold {
		tell(p)
	}
}

// Before adds to the hook's environment.
func (r *Run) Before(h *phased.Hook) error {
	if takes, _ := r.o.Takes(h.Phase); !takes {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.catchUp(h.Phase, h.Name); err != nil {
		return err
	}
	if r.env == nil {
		r.env = r.values.Env(r.base)
	}
	r.started++
	r.running[hookName{h.Phase, h.Name}] = r.started
	n := strconv.Itoa(r.started)
	env := make([]phased.Text, 0, len(h.Env)+len(r.env)+3)
	env = append(append(env, h.Env...), r.env...)
	h.Env = append(env,
		phased.Text("PHASED_ENV="+r.o.Files.Path(n+envFile)),
		phased.Text("PHASED_PATH="+r.o.Files.Path(n+pathFile)),
		phased.Text("PHASED_SUMMARY="+r.o.Files.Path(n+summaryFile)))
	return nil
}

// What a hook hands on lies in files that begin with its number.
const (
	envFile     = ".env"
	pathFile    = ".path"
	summaryFile = ".summary"
)

// After takes what the hook has left. One that has failed hands on nothing but its
// summary; files that are refused let the hook fail, and stay where they are.
func (r *Run) After(h phased.Hook, res *phased.Result) ([]phased.Payload, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	number, ran := r.running[hookName{h.Phase, h.Name}]
	if !ran {
		return nil, nil
	}
	delete(r.running, hookName{h.Phase, h.Name})
	n := strconv.Itoa(number)
	nothing := Handed{Phase: h.Phase, Hook: h.Name}
	if left, err := r.o.Files.Left(n + "."); err != nil || !left {
		return nil, errors.Join(err, r.put(nothing))
	}
	told, err := r.summary(h, n)
	if err != nil {
		return nil, err
	}
	if !res.OK() {
		return told, errors.Join(r.remove(n+envFile), r.remove(n+pathFile), r.put(nothing))
	}
	handed, err := r.read(h, n)
	if refused, ok := errors.AsType[*Error](err); ok {
		res.Exit = phased.Exit{Cause: phased.CauseCarry, Status: 1, Message: refused.Error()}
		return told, r.put(nothing)
	}
	if err != nil {
		return told, err
	}
	return told, r.take(handed, n)
}

// read reads what a hook hands on. An *Error says that it is refused.
func (r *Run) read(h phased.Hook, n string) (Handed, error) {
	content, err := r.content(n + envFile)
	if err != nil {
		return Handed{}, err
	}
	all, err := Parse(content, r.o.Allow)
	if err != nil {
		return Handed{}, r.in(n+envFile, err)
	}
	if content, err = r.content(n + pathFile); err != nil {
		return Handed{}, err
	}
	dirs, err := ParsePath(content)
	if err != nil {
		return Handed{}, r.in(n+pathFile, err)
	}
	handed := handed(h.Phase, h.Name, all, dirs)
	return handed, r.fits(handed, all, n)
}

// fits refuses what would leave no room for the programs that hooks start.
func (r *Run) fits(h Handed, all []Assignment, n string) error {
	if h.Empty() {
		return nil
	}
	v := r.values.clone()
	total := size(v.Env(r.base))
	for _, a := range all { // up to the first that does not fit
		if old, had := v.set[a.Name]; had {
			total -= entrySize(len(a.Name) + 1 + len(old))
		}
		v.add(Handed{Set: []phased.Text{phased.Text(a.text())}})
		if total += entrySize(len(a.text())); total > r.o.Total {
			return r.in(n+envFile, wrong(a.Line, "%s: with this, what hooks carry comes to %d bytes, and %d are the most: the kernel starts no program with too large an environment. Write it to a file, and hand on the path", a.Name, total, r.o.Total))
		}
	}
	v.add(Handed{Path: h.Path})
	path, _ := v.lookup(pathName, r.base)
	if got := size(v.Env(r.base)); got > r.o.Total || len(pathName)+1+len(path) > MaxValue {
		return r.in(n+pathFile, wrong(0, "with this, PATH has %d bytes, and what hooks carry comes to %d: the kernel starts no program with more than %d in one variable, and %d are the most in all", len(path), got, MaxValue, r.o.Total))
	}
	return nil
}

// content is what a file of a hook holds; nothing where there is none.
func (r *Run) content(name string) ([]byte, error) {
	content, size, err := r.o.Files.Read(name, MaxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, r.in(name, wrong(0, "%v; append lines to the file, and put nothing else in its place", err))
	case size > MaxFile:
		return nil, r.in(name, wrong(0, "has %d bytes, and %d are the most", size, MaxFile))
	}
	return content, nil
}

// in adds to an error which file it is of.
func (r *Run) in(name string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = r.o.Files.Path(name)
	}
	return err
}

// take makes it wait for the end of the hooks with the same number, and keeps it.
func (r *Run) take(h Handed, n string) error {
	r.learn(h)
	if !h.Empty() {
		r.pending = append(r.pending, h)
	}
	if err := r.put(h); err != nil || h.Empty() {
		return err
	}
	return errors.Join(r.remove(n+envFile), r.remove(n+pathFile))
}

// put takes into the log what a hook hands on, or that it is nothing, and keeps it.
func (r *Run) put(h Handed) error {
	if _, kept := r.o.Takes(h.Phase); !kept || !r.log.Put(h) {
		return nil
	}
	return r.keep()
}

func (r *Run) learn(h Handed) {
	for _, a := range h.Set {
		name, value, _ := strings.Cut(string(a), "=")
		r.o.Learn(name, value)
	}
}

// keep writes the log for a resume.
func (r *Run) keep() error {
	if !r.o.Keep {
		return nil
	}
	content, err := r.log.Encode()
	if err == nil {
		err = r.o.Files.Keep(LogFile, content)
	}
	if err != nil {
		return fmt.Errorf("cannot keep what hooks carry, which a resume needs: %w", err)
	}
	return nil
}

func (r *Run) remove(name string) error {
	if err := r.o.Files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove what a hook has handed on: %w", err)
	}
	return nil
}

// Settle lets count what the hooks that have ended since it was last called hand
// on, in run order, and tells what has changed.
func (r *Run) Settle() ([]phased.Payload, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pending := r.pending
	r.pending = nil
	return r.settle(pending)
}

func (r *Run) settle(pending []Handed) (told []phased.Payload, err error) {
	if len(pending) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(pending, func(a, b Handed) int {
		switch {
		case a.Phase != b.Phase:
			return 0
		case r.o.Less(a.Phase, a.Hook, b.Hook):
			return -1
		case r.o.Less(a.Phase, b.Hook, a.Hook):
			return 1
		}
		return 0
	})
	before := r.values.clone()
	for _, h := range pending {
		was := r.entries(h)
		r.values.add(h)
		if changes := Changes(was, r.entries(h), r.o.Redact); len(changes) > 0 {
			told = append(told, phased.SpaceChanged{Phase: h.Phase, Hook: h.Hook, Changes: changes})
		}
	}
	r.env = r.values.Env(r.base)
	path, _ := r.values.lookup(pathName, r.base)
	if got := size(r.env); got > r.o.Total || len(r.values.path) > 0 && len(pathName)+1+len(path) > MaxValue {
		r.values, r.env = before, nil // the hooks at the end of the run have to start
		last := pending[len(pending)-1]
		return nil, fmt.Errorf("the hooks that have run beside %s/%s hand on too much together: PATH would have %d bytes, and %d are the most in one variable; all that is carried would come to %d bytes, and %d are the most. None of it counts; let them hand on less, and run them again with --from",
			last.Phase, last.Hook, len(path), MaxValue, got, r.o.Total)
	}
	return told, nil
}

// entries returns, of the environment as it is now, the variables that h changes.
func (r *Run) entries(h Handed) []phased.Text {
	var env []phased.Text
	add := func(name string) {
		if value, found := r.values.lookup(name, r.base); found {
			env = append(env, phased.Text(name+"="+value))
		}
	}
	for _, a := range h.Set {
		name, _, _ := strings.Cut(string(a), "=")
		add(name)
	}
	if len(h.Path) > 0 {
		add(pathName)
	}
	return env
}

// Passed takes in that a hook, or where it is "" a phase, is passed over because
// it is done in the run that this one goes on with.
func (r *Run) Passed(phase string, hook phased.Text) {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := r.log.of(phase, hook)
	if hook != "" {
		r.pending = append(r.pending, done...)
		return
	}
	before := r.pending // hooks that were passed over one by one stand before it
	r.pending = nil
	for _, some := range [][]Handed{before, done} {
		told, _ := r.settle(some) // it fitted before
		r.note(told)
	}
}

// catchUp lets count what was passed over before a hook.
func (r *Run) catchUp(phase string, hook phased.Text) error {
	if len(r.pending) == 0 {
		return nil
	}
	var before, rest []Handed
	for _, h := range r.pending {
		if h.Phase != phase || r.o.Less(phase, h.Hook, hook) && !r.o.Together(phase, h.Hook, hook) {
			before = append(before, h)
		} else {
			rest = append(rest, h)
		}
	}
	r.pending = rest
	told, err := r.settle(before)
	r.note(told)
	return err
}

// note tells, now or as soon as somebody listens.
func (r *Run) note(told []phased.Payload) {
	if r.tell == nil {
		r.untold = append(r.untold, told...)
		return
	}
	for _, p := range told {
		r.tell(p)
	}
}

// MaxSummary is the number of bytes from which on a summary is cut.
const MaxSummary = 64 << 10

// readSummary bounds what is read of a summary: secrets in it have to be found
// before it is cut.
const readSummary = 4 * MaxSummary

// readEdge is more than a secret may need to be found, in bytes.
const readEdge = 4 << 10

// summary takes the summary that a hook has written.
func (r *Run) summary(h phased.Hook, n string) ([]phased.Payload, error) {
	content, size, err := r.o.Files.Read(n+summaryFile, readSummary)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return []phased.Payload{phased.RunWarning{Message: fmt.Sprintf("the summary of %s/%s is left out: %v", h.Phase, h.Name, err)}}, nil
	}
	if err := r.remove(n + summaryFile); err != nil || len(content) == 0 {
		return nil, err
	}
	text := r.o.Redact.Clean(string(content))
	if size > int64(len(content)) { // what is left of a secret there is none that is known
		text = text[:max(0, len(text)-readEdge)]
	}
	s := phased.HookSummary{Phase: h.Phase, Hook: h.Name, Text: phased.Text(text)}
	if len(text) > MaxSummary || size > int64(len(content)) {
		s.Text, s.Size = phased.Text(wholeRunes(text[:min(len(text), MaxSummary)])), size
	}
	return []phased.Payload{s}, nil
}

// wholeRunes leaves out the beginning of a character at the end of a text.
func wholeRunes(text string) string {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if c := text[len(text)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRuneInString(text[len(text)-n:]) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}
