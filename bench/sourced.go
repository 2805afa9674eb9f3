package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// shelf is a hook tree whose hooks are sourced: a top directory with extras.d.
type shelf struct {
	top   string
	hooks int
}

// lastHook is the variable that each sourced hook sets to its own number: who
// did not source it, in order, does not have it.
const lastHook = "LAST_HOOK"

// newShelf makes n small hooks.
func (s *stage) newShelf(name string, n int) (shelf, error) {
	h := shelf{top: filepath.Join(s.dir, name), hooks: n}
	err := os.MkdirAll(filepath.Join(h.top, "extras.d"), 0o755)
	for i := range n {
		err = errors.Join(err, os.WriteFile(h.hook(i), fmt.Appendf(nil, "%s=%d\n", lastHook, i), 0o644))
	}
	return h, err
}

func (h shelf) hook(i int) string {
	return filepath.Join(h.top, "extras.d", fmt.Sprintf("%04d-small.sh", i))
}

// loop writes the loop that runs such hooks without phased: after is done after
// each hook.
func (h shelf) loop(name, before, after string) (string, error) {
	path := filepath.Join(h.top, name)
	text := "#!/bin/bash\nset -e\ncd " + h.top + "\n" + before + "for i in extras.d/*.sh; do\n    [[ -r $i ]] && source $i unstack\n" + after + "done\n" +
		fmt.Sprintf("[[ $%s == %d ]]\n", lastHook, h.hooks-1)
	return path, os.WriteFile(path, []byte(text), 0o755)
}

// keeping is what the record keeps of the variable space.
type keeping struct{ provenance, resume bool }

// settings writes a lifecycle of that tree: first the files, then its hooks.
func (h shelf) settings(name string, k keeping, files ...string) (string, error) {
	path := filepath.Join(h.top, name+".yaml")
	resume := "off"
	if k.resume {
		resume = "on"
	}
	text := fmt.Sprintf("lifecycles:\n  %s:\n    base: %s\n    executor: session\n    options: [errexit]\n    provenance: %t\n    resume: %s\n    phases:\n", name, h.top, k.provenance, resume)
	if len(files) > 0 {
		text += fmt.Sprintf("      - {name: base, files: [%s]}\n", strings.Join(files, ", "))
	}
	text += "      - {name: extra, dir: extras.d, args: [unstack]}\n"
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// sourcing is `phased run` of such a lifecycle, with its journal.
func (s *stage) sourcing(name string, h shelf, k keeping, files ...string) (tool, error) {
	lifecycle := strings.ReplaceAll(slug(name), "_", "-")
	settings, err := h.settings(lifecycle, k, files...)
	state := filepath.Join(s.dir, "state-"+slug(name))
	return tool{
		name: name, state: state, provenance: k.provenance,
		argv: func(tree) []string {
			return []string{filepath.Join(s.bin, "phased"), "run", lifecycle, "--config", settings, "--state-dir", state}
		},
		env: func(tree) []string { return s.environment(systemPath) },
	}, err
}

// sourcings are the three ways: with failure location only, with snapshots that
// a resume starts from, and with what each hook changed.
func (s *stage) sourcings(h shelf, what string, files ...string) (tools []tool, err error) {
	for _, w := range []struct {
		name string
		keeping
	}{{"", keeping{}}, {", resume", keeping{resume: true}}, {", resume, provenance", keeping{true, true}}} {
		c, e := s.sourcing("phased run"+what+w.name, h, w.keeping, files...)
		tools, err = append(tools, c), errors.Join(err, e)
	}
	return tools, err
}

// plain is a program without a record.
func (s *stage) plain(name string, argv ...string) tool {
	return tool{name: name, argv: func(tree) []string { return argv }, env: func(tree) []string { return s.environment(systemPath) }}
}

// sourced measures small hooks that are sourced, beside as many that are
// executed.
func sourced(ctx context.Context, s *stage, o options) (table, error) {
	n := o.sourced
	t, err := s.noopTree(n)
	if err != nil {
		return table{}, err
	}
	h, err := s.newShelf(fmt.Sprintf("sourced-%d", n), n)
	if err != nil {
		return table{}, err
	}
	loop, err := h.loop("loop", "", "")
	if err != nil {
		return table{}, err
	}
	ways, err := s.sourcings(h, ", sourced")
	if err != nil {
		return table{}, err
	}
	tools := pick(append([]tool{
		s.plain(baseline, s.spawn, t.phase()),
		s.plain("bash loop: source", "/bin/bash", loop),
	}, ways...), o.tools)
	if len(tools) == 1 {
		return table{}, nil
	}
	if err := s.locates(ctx); err != nil {
		return table{}, err
	}
	samples, checked, err := s.contest(ctx, o, tools, t)
	if err != nil {
		return table{}, err
	}
	title := fmt.Sprintf("%d small hooks that are sourced (%s=N), and executed by the C loop (#!/bin/sh, exit 0)", n, lastHook)
	note := "whole runs, start and end included; phased run tells where a sourced hook fails: that was tried before, on one that does\n" +
		fmt.Sprintf("%d records read back: every line sound, %d hooks on record that ended well, in each, and with provenance what each of them changed", checked, n)
	return newTable(title, note, tools, samples), nil
}

// contest lets the tools run the same hooks, and checks the record of each turn.
func (s *stage) contest(ctx context.Context, o options, tools []tool, t tree) (samples [][]float64, checked int, err error) {
	take := func(ctx context.Context, c tool) (float64, error) {
		took, err := s.start(ctx, c, t, nil)
		if err == nil && c.state != "" {
			checked++
			err = s.verify(ctx, c, t.hooks)
		}
		return took.Seconds(), err
	}
	if _, err := rounds(ctx, 1, o.seed, tools, take); err != nil { // warm caches
		return nil, 0, err
	}
	samples, err = rounds(ctx, o.rounds, o.seed, tools, take)
	return samples, checked, err
}

// locates says whether the record of a sourced hook that fails has the line and
// the calls: a run without that would cost less than what is to be measured.
func (s *stage) locates(ctx context.Context) error {
	h, err := s.newShelf("broken", 1)
	if err != nil {
		return err
	}
	body := "broken() {\n    false\n}\nbroken\n"
	if err := os.WriteFile(h.hook(0), []byte(body), 0o644); err != nil {
		return err
	}
	c, err := s.sourcing("broken", h, keeping{})
	if err != nil {
		return err
	}
	if _, err := s.start(ctx, c, tree{}, nil); err == nil {
		return errors.New("phased run succeeds where a sourced hook fails")
	}
	events, err := newestRun(c.state)
	if err != nil {
		return err
	}
	return located(events, h.hook(0), 2, 2)
}

// located says whether a hook that failed is on record with file, line and at
// least that many calls.
func located(events []event, file string, line, calls int) error {
	for _, e := range events {
		t := e.Data.Trace
		if e.Kind == "hook.finished" && t.File == file && t.Line == line && len(t.Stack) >= calls {
			return nil
		}
	}
	return fmt.Errorf("the record does not tell that the hook failed at %s:%d, and %d calls", file, line, calls)
}
