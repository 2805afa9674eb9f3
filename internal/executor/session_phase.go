package executor

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"phased/internal/phased"
)

// list lets the shell find the hooks of the phase, and has them judged.
func (s *Session) list(ctx context.Context, p phased.PlannedPhase) (phased.PlannedPhase, error) {
	var paths []phased.Text
	if p.Dir != "" && p.Calls == "" && len(p.Files) == 0 {
		found, there, err := s.glob(ctx, p)
		if err != nil {
			return p, s.ended(ctx, err)
		}
		paths = found
		p.Missing = !there
	}
	if s.List != nil {
		return s.List(p, paths)
	}
	return s.unjudged(p, paths), nil
}

// ended makes of the end of the session the failure of the phase.
func (s *Session) ended(ctx context.Context, err error) error {
	if !errors.Is(err, errSessionGone) {
		return err
	}
	if ctx.Err() != nil {
		return &phased.ExitError{Exit: phased.ExitByCause(context.Cause(ctx))}
	}
	return s.overError()
}

// glob lets the shell expand the phase's pattern, as its options and its locale
// are now. An error of that (failglob) finds nothing.
func (s *Session) glob(ctx context.Context, p phased.PlannedPhase) (paths []phased.Text, there bool, err error) {
	dir := quoteWord(p.Dir)
	if !filepath.IsAbs(p.Dir) {
		dir = `"$TOP_DIR"/` + dir
	}
	pattern := p.Glob
	if pattern == "" {
		pattern = "*.sh"
	}
	text := "{ if [[ -d " + dir + " ]]; then __phased_say " + saidList + " " + dir + "/" + globWord(pattern) + "; else __phased_say " + saidSync + " none; fi; }" + hidden + "\n" +
		"{ __phased_say " + saidSync + "; }" + hidden + "\n"
	if err := s.tellTop(text); err != nil {
		return nil, false, err
	}
	r, err := s.awaitAny(ctx, saidList, saidSync)
	if err != nil {
		return nil, false, err
	}
	there = r.field(0) != "none"
	if r.what() == saidList || !there {
		if _, err := s.await(ctx, saidSync); err != nil {
			return nil, false, err
		}
	}
	if r.what() == saidList {
		for _, f := range r[1:] {
			paths = append(paths, phased.Text(f))
		}
	}
	return paths, there, nil
}

// globWord makes a word of a pattern in which nothing but the pattern's own
// characters means something.
func globWord(pattern string) string {
	var b strings.Builder
	for _, r := range pattern {
		if strings.ContainsRune("*?[]!^-@+().|,", r) || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			if strings.ContainsRune("()|", r) { // extglob may be off, and then this is no word
				b.WriteByte('\\')
			}
			b.WriteRune(r)
			continue
		}
		b.WriteString(quoteWord(string(r)))
	}
	return b.String()
}

// unjudged takes what was found for what runs.
func (s *Session) unjudged(p phased.PlannedPhase, paths []phased.Text) phased.PlannedPhase {
	if p.Calls != "" || len(p.Files) == 0 && p.Dir == "" {
		return p
	}
	for _, f := range p.Files {
		if !strings.HasPrefix(string(f), "/") {
			f = s.Config.TopDir + "/" + f
		}
		paths = append(paths, f)
	}
	p.Entries = nil
	for _, f := range paths {
		p.Entries = append(p.Entries, phased.Entry{Name: phased.Text(filepath.Base(string(f))), Path: f, Verdict: phased.VerdictRun, Args: p.Args})
	}
	return p
}

// intoFrame makes the frame that the hook is sourced in.
func (s *Session) intoFrame(ctx context.Context, h phased.Hook) error {
	want := noFrame
	switch {
	case s.phase.Calls != "":
	case h.Plugin != "":
		want = pluginFrame
	case s.phase.Scope == phased.ScopeFunction:
		want = hookFrame
	}
	if want == s.frame {
		return nil
	}
	if s.frame == hookFrame && want == pluginFrame && s.phase.Plugins != "" { // the same function goes on to the next loop
		if err := s.tellFrame(ctx, s.leaveLoop(), saidEnd); err != nil {
			return err
		}
		s.frame = pluginFrame
		return nil // its first word takes the leave back
	}
	if err := s.closeFrame(ctx); err != nil {
		return err
	}
	if want == noFrame {
		return nil
	}
	return s.openFrame(ctx, want)
}

// leaveLoop ends a loop of a frame.
func (s *Session) leaveLoop() string {
	h := s.hashall()
	if h != "" {
		h = "'builtin' set -h; "
	}
	return h + "__phased_leave=1"
}

// openFrame calls the function in which hooks are sourced, and waits until its
// loop does. A function of that name that the user has is his again within it.
func (s *Session) openFrame(ctx context.Context, want frame) error {
	if err := s.tellTop("{ { 'builtin' printf '%s\\0' 2 list; 'builtin' declare -f run_phase || (( 1 )); 'builtin' printf '\\0'; } >|" + s.answers.path + "; }" + hidden + "\n"); err != nil {
		return err
	}
	r, err := s.await(ctx, saidList)
	if err != nil {
		return s.ended(ctx, err)
	}
	users := r.field(0)
	var b strings.Builder
	b.WriteString(`function run_phase { { 'builtin' local mode="$1" phase="${2-}"; 'builtin' set --; }` + hidden + "; ")
	if want == hookFrame {
		loopVariable := ""
		if len(s.phase.Files) == 0 {
			loopVariable = "[[ ! ${i@a} || ${i@a} != *[aAinr]* ]] && i=$1; "
		}
		b.WriteString(s.loop(loopVariable, `\source "$1" "$mode" ${phase:+"$phase"}`))
	}
	if s.phase.Plugins != "" {
		args := ""
		if s.phase.Plugins == pluginScript {
			args = ` "$mode" ${phase:+"$phase"}`
		}
		b.WriteString(s.loop("", `\source "$dir"/`+quoteWord("devstack/"+s.phase.Plugins)+args))
	}
	b.WriteString("{ " + s.tellAs(saidLeft, "$?", "$-", "") + "; }" + hidden + "; }; run_phase")
	for _, a := range s.phase.Args {
		b.WriteString(" " + quoteWord(string(a)))
	}
	b.WriteString("\n")
	if err := s.tellTop(b.String()); err != nil {
		return err
	}
	if _, err := s.await(ctx, saidEnd); err != nil {
		return s.ended(ctx, err)
	}
	s.frame, s.on, s.dirty, s.exported = want, "none", true, nil
	restored := "'builtin' unset -f run_phase"
	if users != "" {
		restored = quoteWord(users)
		if restored = "'builtin' eval " + restored; len(restored) > maxText/2 {
			return errLong
		}
	}
	locals, err := s.localsText()
	if err != nil {
		return err
	}
	list := ""
	if want == hookFrame {
		if list, err = s.listHooks(); err != nil {
			return err
		}
	}
	return s.tellFrame(ctx, restored+"; __phased_leave=; "+locals+list+"{ "+s.readOn()+"; }", "")
}

// tellTop gives the shell a line for its top level, where no trap of ours may
// catch what it does.
func (s *Session) tellTop(line string) error { return s.script.write(quietly(s.disarm()) + line) }

// tellFrame lets the loop of the frame do something, and waits for what it says.
func (s *Session) tellFrame(ctx context.Context, text, said string) error {
	if err := s.script.write(s.goAhead(text)); err != nil {
		return err
	}
	if said == "" {
		return nil
	}
	r, err := s.awaitAny(ctx, said, saidStray)
	if err == nil && r.what() == saidStray {
		s.frame = noFrame
	}
	return err
}

// closeFrame leaves the function, where the shell is in one.
func (s *Session) closeFrame(ctx context.Context) error {
	for s.frame != noFrame {
		said := saidLeft
		if s.frame == hookFrame && s.phase.Plugins != "" {
			said = saidEnd
		}
		if err := s.tellFrame(ctx, s.disarm()+s.leaveLoop(), said); err != nil {
			return err
		}
		if s.frame == hookFrame && said == saidEnd {
			s.frame = pluginFrame
			continue
		}
		s.frame = noFrame
		return s.spaces.left(ctx, s)
	}
	return nil
}

func (s *Session) awaitAny(ctx context.Context, a, b string) (record, error) {
	return s.awaitFor(ctx, func(r record) bool { return r.what() == a || r.what() == b })
}
