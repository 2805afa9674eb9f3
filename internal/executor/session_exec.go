package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// sourcing is one hook while it is sourced.
type sourcing struct {
	hook     phased.Hook
	failures []failure
	scope    phased.Scope
	flags    string // with which it began
	armed    bool   // it is watched by an ERR trap of ours
	probed   bool
	unread   int
	framed   bool // in a frame
}

// Exec lets the shell source the hook. Where the context has ended, or Kill is
// closed, before that, it is not sourced, and the Exit says why.
func (s *Session) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	s.leaveIdle()
	defer s.beginIdle()
	if !s.entered {
		return phased.Result{}, fmt.Errorf("cannot source %s: %w", h.Path, errNotEntered)
	}
	if s.over {
		e, _ := errors.AsType[*phased.ExitError](s.overError())
		return phased.Result{Exit: e.Exit, Ended: true}, nil
	}
	if s.p.told(ctx) {
		return phased.Result{Exit: s.p.end(ctx).exit}, nil
	}
	if exit := refuse(h); exit != nil {
		return phased.Result{Exit: *exit}, nil
	}
	if why := s.unreadable(h); why != "" {
		s.warn(h, phased.WarnUnreadable, why)
		return phased.Result{Skipped: why}, nil
	}
	if err := s.intoFrame(ctx, h); err != nil {
		if errors.Is(err, errSessionGone) {
			return phased.Result{Exit: s.exit, Ended: true}, nil
		}
		return phased.Result{}, err
	}
	return s.source(ctx, h)
}

// refuse returns how a hook ends that no shell can source.
func refuse(h phased.Hook) *phased.Exit {
	for _, t := range append([]phased.Text{h.Path}, h.Args...) {
		if strings.ContainsRune(string(t), 0) {
			return cannotRun(statusCannotRun, "%s cannot be sourced: a NUL byte in its path or arguments", h.Path)
		}
	}
	return nil
}

// unreadable says why the hook is passed over, as the originals do in silence:
// it cannot be read when its turn comes, or is no regular file of a plugin.
func (s *Session) unreadable(h phased.Hook) string {
	if s.phase.Calls != "" || s.phase.Localrc {
		return ""
	}
	path := s.seen(string(h.Path))
	if h.Plugin != "" {
		if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
			return fmt.Sprintf("%s is no regular file (any more)", h.Path)
		}
		return ""
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS); err != nil && len(s.phase.Files) == 0 {
		return fmt.Sprintf("%s cannot be read: %v", h.Path, err)
	}
	return ""
}

// seen returns a path as the shell sees it, which has a working directory of
// its own.
func (s *Session) seen(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return fmt.Sprintf("/proc/%d/cwd/%s", s.pid, path)
}

// source sources one hook, or calls one lifecycle.
func (s *Session) source(ctx context.Context, h phased.Hook) (phased.Result, error) {
	s.lane.yield()
	s.run = &sourcing{hook: h, scope: s.phase.Scope, flags: s.flags, framed: s.frame != noFrame}
	s.found = s.find(h)
	text, err := s.text(h)
	if err != nil {
		return phased.Result{}, err
	}
	files := [2]int{fileno(s.Stdout, os.Stdout), fileno(s.Stderr, os.Stderr)}
	begin := s.p.phase.place(files)
	s.spaces.settle(s)
	began := time.Now()
	s.lane.cap.flush() // what came late of the one before
	s.lane.cap.end()
	s.lane.cap.begin(s.setup.Sink, h)
	s.nextCell(h)
	if err := s.script.write(text); err != nil {
		return phased.Result{}, err
	}
	s.setup.Sink.Started(h, phased.Process{Pid: s.pid, Start: s.start, Files: begin})
	s.last = h
	s.lookAhead()
	stop := context.AfterFunc(ctx, s.lane.wake.signal)
	defer stop()
	s.lane.cap.interrupt = interruptedBy(ctx, s.setup.Kill)
	j, got, err := s.listen(ctx, h, time.Now().Add(slow), func(r record) bool {
		return r.what() == saidEnd || r.what() == saidLeft || r.what() == saidStray
	})
	if err != nil && !errors.Is(err, errSessionGone) {
		return phased.Result{}, err
	}
	r, err := s.result(ctx, j, got)
	r.Files = s.p.phase.place(files)
	r.Usage = s.used(time.Since(began))
	return r, err
}

// result gathers what is known of the hook that has ended.
func (s *Session) result(ctx context.Context, j *job, got record) (phased.Result, error) {
	run := s.run
	s.run = nil
	s.dirty = s.dirty || len(run.failures) > 0
	var r phased.Result
	switch {
	case s.over:
		r.Exit, r.Ended = s.exit, true
	case got.what() == saidStray:
		r.Exit = sourcedExit(1)
		r.Message = "the shell has dropped the hook, because of an error that is none of a command"
		s.frame = noFrame
	default:
		status, _ := index(got.field(0), 256)
		r.Exit = sourcedExit(status)
		s.took(got)
		if got.what() == saidLeft {
			s.frame = noFrame // it said break
		}
	}
	if s.over {
		s.frame = noFrame
	}
	s.lane.cap.drain()
	s.lane.cap.flush()
	s.lane.cap.end()
	r.Out, r.Err = s.lane.cap.count[0], s.lane.cap.count[1]
	s.lane.cap.after(s.setup.Sink, run.hook)
	s.leftBehind(&r)
	s.explain(run, &r, j)
	// Who resumes goes on at this hook, in the space that it had.
	s.spaces.frozen = s.spaces.frozen || !r.OK() && s.phase.OnFailure != phased.Shell && s.phase.Calls == ""
	switch {
	case s.over:
	case s.frame == noFrame && run.framed:
		return r, s.spaces.left(ctx, s)
	default:
		s.spaces.taken(s, run.hook)
	}
	return r, nil
}

func sourcedExit(status int) phased.Exit {
	if status == 0 {
		return phased.Exit{Cause: phased.CauseOK}
	}
	return phased.Exit{Cause: phased.CauseExit, Status: status, Message: fmt.Sprintf("exit status %d", status)}
}

// took takes what the shell has said of itself with the end of a hook.
func (s *Session) took(r record) {
	s.flags = r.field(1)
	if s.armed {
		s.flags = strings.ReplaceAll(s.flags, "E", "")
	}
	s.traps = readTraps(r.field(2))
	s.armed = strings.HasPrefix(s.traps["ERR"], "'{ __phased_err")
}

// text is what the shell is told to source the hook.
func (s *Session) text(h phased.Hook) (string, error) {
	exports := s.exports(h.Env)
	before, err := s.before(h)
	if err != nil {
		return "", err
	}
	switch {
	case s.phase.Calls != "":
		if s.Call == nil {
			return "", fmt.Errorf("phase %s calls %s, which nobody can start", s.phase.Name, s.phase.Calls)
		}
		return s.called(h), nil
	case s.frame != noFrame:
		return s.inFrame(h, exports, before), nil
	}
	before = exportText(exports) + before
	path := s.path(h)
	words := []string{`\source`, quoteWord(path)}
	for _, a := range h.Args {
		words = append(words, quoteWord(string(a)))
	}
	return quietly(before) + strings.Join(words, " ") + "; " + s.tellTopEnd() + "\n", nil
}

// called runs a lifecycle as a child of the shell, whatever its options are.
func (s *Session) called(h phased.Hook) string {
	var words []string
	for _, a := range s.Call(h) {
		words = append(words, quoteWord(a))
	}
	// The status is told, and nobody else minds it; the options stay as they were.
	return quietly(s.disarm()) + strings.Join(words, " ") + "; { " + s.tellAs(saidEnd, "$?", "$-"+ofHooks(s.flags), s.snapshotText(false)) + "; }" + hidden + "\n"
}

// path is the file that is sourced for the hook.
func (s *Session) path(h phased.Hook) string {
	if s.phase.Localrc {
		return s.localrcPath()
	}
	return string(h.Path)
}

// exports returns what the shell is to export for the hook: within a frame what
// is not as the hook before had it.
func (s *Session) exports(env []phased.Text) []phased.Text {
	was := s.exported
	if s.frame == noFrame {
		was = nil
	}
	s.exported = env
	return slices.DeleteFunc(slices.Clone(env), func(e phased.Text) bool { return slices.Contains(was, e) })
}

func exportText(env []phased.Text) string {
	if len(env) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("'builtin' export")
	for _, e := range env {
		name, value, _ := strings.Cut(string(e), "=")
		b.WriteString(" " + name + "=" + quoteWord(value))
	}
	b.WriteString("; ")
	return b.String()
}

// inFrame is the word by which a frame sources the hook: its number in the list
// where nothing else is to be done.
func (s *Session) inFrame(h phased.Hook, exports []phased.Text, before string) string {
	if s.frame != hookFrame {
		return s.goAhead(exportText(exports) + before)
	}
	if before == "" && s.found && s.listed.entries != nil {
		switch {
		case len(exports) == 0:
			return word("-", s.listed.place)
		case len(exports) == 1 && exports[0] == "PHASED_HOOK="+h.Name:
			return word("=", s.listed.place)
		}
	}
	return s.goAhead(exportText(exports) + "'builtin' set -- " + quoteWord(s.path(h)) + "; " + before)
}

// before is what the shell does before it sources, beside what every hook has.
func (s *Session) before(h phased.Hook) (string, error) {
	var b strings.Builder
	switch {
	case s.frame == pluginFrame:
		b.WriteString("__phased_leave=; " + s.pluginLocals(h))
	case s.frame == noFrame && len(s.phase.Files) == 0 && h.Plugin == "" && !s.phase.Localrc:
		b.WriteString("[[ ${i@a} == *[aAinr]* ]] || i=" + quoteWord(s.path(h)) + "; ")
	}
	if s.phase.Localrc {
		if err := s.writeLocalrc(); err != nil {
			return "", err
		}
		b.WriteString(s.pluginFunctions())
	}
	if s.dumps() {
		b.WriteString("__phased_hook=" + quoteWord(string(h.Name)) + "; ")
	}
	b.WriteString(s.arm(h))
	if s.dumps() {
		b.WriteString(map[bool]string{true: "__phased_e=E; ", false: "__phased_e=; "}[s.armed])
	}
	on := ofHooks(s.flags) + s.hashall()
	if s.armed {
		on += "E"
	}
	switch {
	case s.frame == noFrame:
		b.WriteString("'builtin' set \"-" + on + "\"; ")
	case on != s.on:
		s.on = on
		b.WriteString("__phased_on=" + on + "; ")
	}
	return b.String(), nil
}

// cpuTimes are what a process and its ended children have used.
type cpuTimes struct{ user, system time.Duration }

// used returns the CPU time that the session has used since it was last asked,
// of hooks long enough for the kernel's clock to tell.
func (s *Session) used(took time.Duration) *phased.Usage {
	now := cpuTimes{time.Duration(s.ru.Utime.Nano()), time.Duration(s.ru.Stime.Nano())}
	if !s.over {
		var ok bool
		if took < cpuTick {
			return nil
		}
		if now, ok = readTimes(s.pid); !ok {
			return nil
		}
	}
	u := &phased.Usage{User: max(0, now.user-s.times.user), System: max(0, now.system-s.times.system)}
	s.times = now
	return u
}

const cpuTick = 10 * time.Millisecond // of /proc, on every architecture

func readTimes(pid int) (cpuTimes, bool) {
	p, err := readAll("/proc/" + strconv.Itoa(pid) + "/stat")
	i := strings.LastIndexByte(p, ')')
	f := strings.Fields(p[i+1:])
	if err != nil || len(f) < 15 {
		return cpuTimes{}, false
	}
	ticks := func(a, b string) time.Duration {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return time.Duration(x+y) * cpuTick
	}
	return cpuTimes{ticks(f[11], f[13]), ticks(f[12], f[14])}, true
}
