package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"phased/internal/redact"
	"phased/internal/space"
)

// The contestants of a variable space; the first is the measure.
const (
	dumped   = "declare -p; declare -f > file"
	snapshot = "snapshot, parse, diff"
	restored = "restore: parse, text, new bash"
)

// spaceRounds says how many turns are taken in a round: they are short.
const spaceRounds = 3

// spaces measures how a variable space is written down and compared, and how it
// is restored in a new bash, beside writing it down in the same bash.
func spaces(ctx context.Context, s *stage, o options) (table, error) {
	tools := pick([]tool{{name: dumped}, {name: snapshot}, {name: restored}}, o.tools)
	if len(tools) == 1 {
		return table{}, nil
	}
	b, err := s.openBig(ctx, o.space)
	if err != nil {
		return table{}, err
	}
	samples, err := rounds(ctx, o.rounds*spaceRounds, o.seed, tools, b.take)
	size := int64(0)
	if info, e := os.Stat(b.file(dumped)); e == nil {
		size = info.Size()
	}
	if err := errors.Join(err, b.close()); err != nil {
		return table{}, err
	}
	title := fmt.Sprintf("a variable space of %d variables and %d functions (%d KB as the first row writes it)", o.space*5/3, o.space, size/1000)
	note := "ratios are medians of those within a round. Each diff was what had been changed; each new bash had the same space as the one that was written down"
	t := newTable(title, note, tools, samples)
	t.pair()
	return t, nil
}

// pair replaces ratios of medians by medians of the ratios within a round.
func (t *table) pair() {
	for i := range t.Rows {
		var ratios []float64
		for k, v := range t.Rows[i].Samples {
			ratios = append(ratios, v/t.Rows[0].Samples[k])
		}
		t.Rows[i].Ratio = median(ratios)
	}
}

// base writes the script that makes a variable space with so many functions, and
// returns a command that sources it.
func (s *stage) base(functions int) (source string, err error) {
	text, err := sources.ReadFile("base.sh")
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.dir, "base.sh")
	return fmt.Sprintf("source %s %d\n", path, functions), os.WriteFile(path, text, 0o644)
}

// big is a bash with a big variable space that does one thing a turn.
type big struct {
	dir   string
	turns int
	was   *space.Space
	set   *redact.Set
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
}

func (s *stage) openBig(ctx context.Context, functions int) (*big, error) {
	base, err := s.base(functions)
	if err != nil {
		return nil, err
	}
	b := &big{dir: s.dir, set: redact.NewSet(redact.DefaultNames())}
	script := base + space.DumpFunction +
		"plain() { { declare -p; declare -f; } >|" + b.file(dumped) + "; }\n" +
		"snap() { " + space.Snapshot(b.file(snapshot), "phase", "hook", "", true) + "}\n" +
		"change() { eval \"SVC_1_NEW$1=$1; svc_change() { echo $1; }; SVC_2_PORT=$1\"; }\n" +
		"echo\nwhile read -r order; do $order; echo; done\n"
	path := filepath.Join(s.dir, "big.sh")
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		return nil, err
	}
	b.cmd = exec.CommandContext(ctx, "/bin/bash", path)
	b.cmd.Env, b.cmd.Dir, b.cmd.Stderr = s.environment(systemPath), "/", os.Stderr
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.out = bufio.NewReader(out)
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err = b.answer(); err == nil {
		err = b.tell("snap")
	}
	if err == nil {
		b.was, err = b.read(snapshot)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *big) file(name string) string { return filepath.Join(b.dir, "space-"+slug(name)) }

func (b *big) close() error {
	err := b.in.Close()
	return errors.Join(err, b.cmd.Wait())
}

// tell lets the bash do something and waits until it is done.
func (b *big) tell(order string) error {
	if _, err := io.WriteString(b.in, order+"\n"); err != nil {
		return err
	}
	text, err := b.answer()
	if err == nil && text != "\n" {
		err = fmt.Errorf("bash says %q", text)
	}
	return err
}

func (b *big) answer() (string, error) {
	text, err := b.out.ReadString('\n')
	if err != nil {
		err = fmt.Errorf("bash with the big variable space: %w", err)
	}
	return text, err
}

func (b *big) read(name string) (*space.Space, error) {
	text, err := os.ReadFile(b.file(name))
	if err != nil {
		return nil, err
	}
	return space.Parse(text)
}

// take gives one contestant its turn.
func (b *big) take(ctx context.Context, c tool) (float64, error) {
	switch c.name {
	case dumped:
		return seconds(func() error { return b.tell("plain") })
	case snapshot:
		return b.snap()
	}
	return b.restore(ctx)
}

func seconds(f func() error) (float64, error) {
	quiet()
	began := time.Now()
	err := f()
	return time.Since(began).Seconds(), err
}

// snap changes three names, and measures a snapshot and what it takes to tell
// what has changed.
func (b *big) snap() (float64, error) {
	b.turns++
	if err := b.tell("change " + strconv.Itoa(b.turns)); err != nil {
		return 0, err
	}
	var names []string
	took, err := seconds(func() error {
		if err := b.tell("snap"); err != nil {
			return err
		}
		is, err := b.read(snapshot)
		if err != nil {
			return err
		}
		for _, c := range space.Diff(b.was, is, b.set) {
			names = append(names, string(c.Name))
		}
		b.was = is
		return nil
	})
	want := fmt.Sprintf("svc_change SVC_1_NEW%d SVC_2_PORT", b.turns) // by kind
	if got := strings.Join(names, " "); err == nil && got != want {
		err = fmt.Errorf("the diff has %q, want %q", got, want)
	}
	return took, err
}

// restore measures all that it takes to have the space in a new bash, from the
// snapshot's file to the end of that bash; another one then says what it has.
func (b *big) restore(ctx context.Context) (float64, error) {
	path := filepath.Join(b.dir, "space-new.sh")
	var saved *space.Space
	took, err := seconds(func() error {
		var err error
		if saved, err = b.read(snapshot); err != nil {
			return err
		}
		text, _, lost := space.Restore(saved)
		if len(lost) > 0 {
			return fmt.Errorf("lost: %s", strings.Join(lost, "; "))
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
		return b.newBash(ctx, path)
	})
	if err != nil {
		return 0, err
	}
	check := space.DumpFunction + "source " + path + "\n" + space.Snapshot(b.file(restored), "phase", "hook", "", false)
	if err := os.WriteFile(path+".check", []byte(check), 0o600); err != nil {
		return 0, err
	}
	if err := b.newBash(ctx, path+".check"); err != nil {
		return 0, err
	}
	is, err := b.read(restored)
	if err != nil {
		return 0, err
	}
	if different := space.Diff(saved, is, b.set); len(different) > 0 {
		return 0, fmt.Errorf("the restored space differs in %d names, first in %q", len(different), different[0].Name)
	}
	return took, nil
}

func (b *big) newBash(ctx context.Context, script string) error {
	cmd := exec.CommandContext(ctx, "/bin/bash", script)
	cmd.Env, cmd.Dir = b.cmd.Env, "/"
	out, err := cmd.CombinedOutput()
	if err == nil && len(out) > 0 {
		err = errors.New("it says something")
	}
	if err != nil {
		return fmt.Errorf("bash %s: %w\n%s", script, err, tail(out, 2000))
	}
	return nil
}

// bigHookCount is how many hooks are sourced in the big variable space.
const bigHookCount = 20

// bigHooks measures what phased takes behind small hooks in a big variable
// space, beside a loop that writes it down behind each.
func bigHooks(ctx context.Context, s *stage, o options) (table, error) {
	h, err := s.newShelf("big-top", bigHookCount)
	if err != nil {
		return table{}, err
	}
	source, err := s.base(o.space)
	if err != nil {
		return table{}, err
	}
	files := filepath.Join(h.top, "10-base.sh")
	if err := os.WriteFile(files, []byte(source+lastHook+"=base\n"), 0o644); err != nil {
		return table{}, err
	}
	ways, err := s.sourcings(h, ", big space", files)
	if err != nil {
		return table{}, err
	}
	plain, err := h.loop("plain", "source "+files+"\n", "")
	if err != nil {
		return table{}, err
	}
	writing, err := h.loop("writing", "source "+files+"\n", "    { declare -p; declare -f; } >| "+filepath.Join(h.top, "space")+"\n")
	if err != nil {
		return table{}, err
	}
	tools := pick(append([]tool{
		s.plain("bash loop, big space", "/bin/bash", plain),
		s.plain("bash loop, "+dumped+" behind each", "/bin/bash", writing),
	}, ways...), o.tools)
	if len(tools) == 1 {
		return table{}, nil
	}
	samples, _, err := s.contest(ctx, o, tools, tree{hooks: 1 + bigHookCount})
	if err != nil {
		return table{}, err
	}
	return newTable(fmt.Sprintf("%d small hooks, sourced behind a base that leaves that variable space", bigHookCount),
		"the base is sourced in all of them; what is kept of the space costs the difference to the first row", tools, samples), nil
}
