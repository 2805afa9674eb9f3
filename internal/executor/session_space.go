package executor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"phased/internal/phased"
	"phased/internal/space"
)

// snapshots are those of the variable space of one session. The shell writes one
// behind each hook; it is read, and compared with the one before, while the
// engine goes on, and told before anything is told of the next hook.
type snapshots struct {
	file    string // that the shell writes to
	was     *space.Space
	before  *space.Space // at the beginning of the phase
	lost    []string     // what the last one does not hold
	frozen  bool         // a hook has failed: the last one stays that before it
	hook    phased.Hook
	pending chan compared
	// restored is the space that the session began with, until its frame is made
	// again.
	restored *space.Space
	locals   []byte
}

type compared struct {
	is       *space.Space
	changes  []phased.Change
	warnings []phased.HookWarning
	err      error
}

// dumps reports whether snapshots are made.
func (s *Session) dumps() bool {
	return s.Config.Provenance || s.keeps() || s.Restore != ""
}

// keeps reports whether snapshots are kept for others.
func (s *Session) keeps() bool { return s.Private != "" && s.Config.Resume != "off" }

const savedNext = "next"

// snapshotText is what makes a snapshot from where it stands.
func (s *Session) snapshotText(frame bool) string {
	if !s.dumps() || s.spaces.file == "" {
		return ""
	}
	// errtrace is phased's own where the ERR trap is, and a hook's otherwise
	flags := `"${__phased_flags//"${__phased_e:-@}"}"`
	text := space.Snapshot(quoteWord(s.spaces.file), quoteWord(s.phase.Name), `"${__phased_hook-}"`, flags, frame)
	if frame {
		return "if [[ ${__phased_hook-} ]]; then " + text + "fi; "
	}
	return text
}

// makeNext makes the file that the shell writes to next.
func (n *snapshots) makeNext(s *Session) error {
	if !s.dumps() {
		return nil
	}
	path, err := s.privateFile(savedNext, nil)
	n.file = path
	return err
}

// firstSnapshot is that of the space that the session starts with.
func (s *Session) firstSnapshot(ctx context.Context) error {
	if !s.dumps() {
		return nil
	}
	if err := s.snapshotHere(ctx, phased.Hook{}); err != nil {
		return err
	}
	s.spaces.settle(s)
	return nil
}

// snapshotHere makes one at the top level, between hooks.
func (s *Session) snapshotHere(ctx context.Context, h phased.Hook) error {
	text := "{ __phased_hook=; " + s.tellAs(saidEnd, "0", "$-"+ofHooks(s.flags), s.snapshotText(false)) + "; }" + hidden + "\n"
	if err := s.tellTop(text); err != nil {
		return err
	}
	if _, err := s.await(ctx, saidEnd); err != nil {
		return s.ended(ctx, err)
	}
	s.spaces.taken(s, h)
	return nil
}

// taken takes over the snapshot that the shell has just written.
func (n *snapshots) taken(s *Session, h phased.Hook) {
	if !s.dumps() {
		return
	}
	f, err := os.OpenFile(n.file, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0) // a hook can reach it
	switch {
	case err != nil:
	case n.frozen:
		err = os.Remove(n.file)
	default:
		err = os.Rename(n.file, filepath.Join(s.dir, SavedLast))
	}
	if err == nil && s.keeps() && !n.frozen {
		err = n.keepLost(s)
	}
	if err == nil {
		err = n.makeNext(s)
	}
	if err != nil {
		s.setup.Sink.Warning(fmt.Sprintf("the variable space behind hook %s cannot be kept: %v", h.Name, err))
		return
	}
	if !s.Config.Provenance {
		f.Close()
		return
	}
	n.hook = h
	n.pending = make(chan compared, 1)
	was, before, phase, out := n.was, n.before, s.phase, n.pending
	r := s.redactor()
	go func() {
		defer f.Close()
		out <- compare(f, was, before, phase, h, r)
	}()
}

// compare reads a snapshot and says what is different in it.
func compare(f *os.File, was, before *space.Space, phase phased.PlannedPhase, h phased.Hook, r space.Redactor) compared {
	st, err := f.Stat()
	if err != nil {
		return compared{err: err}
	}
	p := make([]byte, st.Size())
	if _, err := f.ReadAt(p, 0); err != nil {
		return compared{err: err}
	}
	is, err := space.Parse(p)
	if err != nil {
		return compared{err: err}
	}
	is.Inherit(before)
	if h.Plugin != "" { // the frame's own are nothing that the hook did
		for _, name := range pluginFrameLocals() {
			delete(is.Locals, name)
		}
	}
	if was == nil {
		return compared{is: is, changes: space.Initial(is, r)}
	}
	c := compared{is: is, changes: space.Diff(was, is, r)}
	if h.Name != "" {
		c.warnings = space.Warnings(was, is, phase.Scope)
		for i := range c.warnings {
			c.warnings[i].Phase, c.warnings[i].Hook, c.warnings[i].File = h.Phase, h.Name, h.Path
		}
	}
	return c
}

// settle waits for the comparison that is under way, and tells it.
func (n *snapshots) settle(s *Session) {
	if n.pending == nil {
		return
	}
	c := <-n.pending
	n.pending = nil
	if c.err != nil {
		s.setup.Sink.Warning(fmt.Sprintf("what hook %s changed in the variable space is not known: %v", n.hook.Name, c.err))
		return
	}
	n.was = c.is
	if len(c.changes) > 0 {
		s.setup.Sink.Tell(phased.SpaceChanged{Phase: n.hook.Phase, Hook: n.hook.Name, Changes: c.changes})
	}
	for _, w := range c.warnings {
		s.setup.Sink.Tell(w)
	}
}

// enter keeps what the phase begins with.
func (n *snapshots) enter(s *Session, p phased.PlannedPhase) {
	n.before = n.was
	if !s.keeps() {
		return
	}
	before := filepath.Join(s.dir, SavedBefore(p.Name))
	_ = os.Remove(before) // mostly none is there
	_ = os.Remove(savedLost(before))
	if len(n.lost) > 0 {
		_ = os.Link(savedLost(filepath.Join(s.dir, SavedLast)), savedLost(before)) // words only
	}
	if err := os.Link(filepath.Join(s.dir, SavedLast), before); err != nil {
		s.setup.Sink.Warning(fmt.Sprintf("the variable space before phase %s cannot be kept: %v", p.Name, err))
	}
}

// left makes a snapshot behind a frame, whose locals have gone with it.
func (n *snapshots) left(ctx context.Context, s *Session) error {
	if !s.dumps() || s.over {
		return nil
	}
	n.settle(s)
	return s.snapshotHere(ctx, phased.Hook{Phase: s.phase.Name})
}

// restore builds the space that the session begins with.
func (s *Session) restore(ctx context.Context) ([]string, error) {
	sp, err := readSpace(s.Restore)
	if err != nil {
		return nil, fmt.Errorf("cannot restore the variable space: %w", err)
	}
	if before, err := readSpace(filepath.Join(filepath.Dir(s.Restore), SavedBefore(sp.Phase))); err == nil {
		sp.Inherit(before)
	}
	global, locals, lost := space.Restore(sp)
	if sp.Frame {
		s.spaces.restored, s.spaces.locals = sp, locals
	}
	path, err := s.privateFile("restore", global)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	text := "__phased_lost=(); 'builtin' source " + quoteWord(path) + hidden + "; { " + s.tellAs(saidEnd, "$?", "$-", "") + "; " +
		s.exitFunction() + `__phased_say ` + saidList + ` "${__phased_lost[@]}"; 'builtin' unset -v __phased_lost; }` + hidden + "\n"
	if err := s.tellTop(text); err != nil {
		return nil, err
	}
	end, err := s.await(ctx, saidEnd)
	if err != nil {
		return nil, s.cannotBegin(err)
	}
	s.took(end)
	more, err := s.await(ctx, saidList)
	if err != nil {
		return nil, s.cannotBegin(err)
	}
	return slices.Concat(lost, more[1:], readLost(s.Restore)), nil
}

func readSpace(path string) (*space.Space, error) {
	p, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return space.Parse(p)
}

// localsText declares the local variables of the frame that was restored.
func (s *Session) localsText() (string, error) {
	n := &s.spaces
	if n.restored == nil {
		return "", nil
	}
	locals := n.locals
	mine := n.restored.Phase == s.phase.Name
	n.restored, n.locals = nil, nil
	if !mine || len(locals) == 0 {
		return "", nil
	}
	path, err := s.privateFile("locals", locals)
	if err != nil {
		return "", err
	}
	return "'builtin' source " + quoteWord(path) + "; ", nil
}

// privateFile makes a file that only this user can read.
func (s *Session) privateFile(name string, content []byte) (string, error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "session-")
		if err != nil {
			return "", fmt.Errorf("cannot make a directory for the session's own files: %w", err)
		}
		s.dir, s.ownDir = dir, true
	}
	path := filepath.Join(s.dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("cannot make a private file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(content)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return "", fmt.Errorf("cannot make a private file: %w", err)
	}
	return path, nil
}
