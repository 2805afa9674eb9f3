package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample runs a tool once and returns what was measured, in seconds.
type sample func(ctx context.Context, c tool) (float64, error)

// rounds lets the tools take turns, in a new order each round, and returns the
// samples of each, in the order of the tools.
func rounds(ctx context.Context, n int, seed uint64, tools []tool, take sample) ([][]float64, error) {
	samples := make([][]float64, len(tools))
	order := rand.New(rand.NewPCG(seed, uint64(len(tools))))
	for round := range n {
		for _, i := range order.Perm(len(tools)) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			seconds, err := take(ctx, tools[i])
			if err != nil {
				return nil, fmt.Errorf("round %d: %s: %w", round+1, tools[i].name, err)
			}
			samples[i] = append(samples[i], seconds)
		}
	}
	return samples, nil
}

// start runs a tool on a tree and returns how long it took. Its output goes to
// the writer, or to /dev/null; its complaints are part of the error.
func (s *stage) start(ctx context.Context, c tool, t tree, out io.Writer) (time.Duration, error) {
	argv := c.argv(t)
	var complaints *os.File
	complaints, err := os.Create(filepath.Join(s.dir, "stderr"))
	if err != nil {
		return 0, err
	}
	defer complaints.Close()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.env(t), "/", out, complaints
	quiet()
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	if err != nil {
		text, _ := os.ReadFile(complaints.Name())
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, tail(text, 2000))
	}
	return took, nil
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// noops measures n hooks that do nothing.
func noops(ctx context.Context, s *stage, o options, n int) (table, error) {
	t, err := s.noopTree(n)
	if err != nil {
		return table{}, err
	}
	tools, err := s.contestants(o.tools)
	if err != nil {
		return table{}, err
	}
	samples, checked, err := s.contest(ctx, o, tools, t)
	if err != nil {
		return table{}, err
	}
	title := fmt.Sprintf("%d hooks that do nothing (#!/bin/sh, exit 0)", n)
	note := ""
	if checked > 0 {
		note = fmt.Sprintf("%d records read back: every line sound, and %d hooks on record that ended well, in each", checked, n)
	}
	return newTable(title, note, tools, samples), nil
}

// firstRounds says how many samples of a start are taken in a round: they are
// short, and so is their noise not.
const firstRounds = 5

// firstHook measures the time from the start of a tool to the first line of its
// first hook.
func firstHook(ctx context.Context, s *stage, o options) (table, error) {
	t, err := s.newTree("first")
	if err != nil {
		return table{}, err
	}
	clock := filepath.Join(s.dir, "reached")
	if err := s.compile(ctx, "first", filepath.Join(t.phase(), "10-first"), `-DOUT="`+clock+`"`); err != nil {
		return table{}, err
	}
	tools, err := s.contestants(o.tools)
	if err != nil {
		return table{}, err
	}
	take := func(ctx context.Context, c tool) (float64, error) {
		if err := os.WriteFile(clock, nil, 0o644); err != nil {
			return 0, err
		}
		quiet()
		began, err := now()
		if err != nil {
			return 0, err
		}
		if err := s.startNow(ctx, c, t); err != nil {
			return 0, err
		}
		text, err := os.ReadFile(clock)
		if err != nil {
			return 0, err
		}
		reached, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("the hook did not tell the time: %w", err)
		}
		return float64(reached-began) / 1e9, nil
	}
	samples, err := rounds(ctx, o.rounds*firstRounds, o.seed, tools, take)
	if err != nil {
		return table{}, err
	}
	return newTable("from the start to the first hook", "", tools, samples), nil
}

// startNow runs a tool without anything between the call and its start.
func (s *stage) startNow(ctx context.Context, c tool, t tree) error {
	argv := c.argv(t)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = c.env(t), "/"
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return nil
}

// loudHook measures one hook that writes a lot, compared with cat to a file.
func loudHook(ctx context.Context, s *stage, o options) (table, error) {
	t, err := s.newTree("loud")
	if err != nil {
		return table{}, err
	}
	data := filepath.Join(s.dir, "data")
	size, err := writeLines(data, o.mib<<20)
	if err != nil {
		return table{}, err
	}
	if err := t.hook("10-loud", "exec cat "+data); err != nil {
		return table{}, err
	}
	drain := filepath.Join(s.dir, "drain")
	if err := s.compile(ctx, "drain", drain); err != nil {
		return table{}, err
	}
	tools, err := s.loudContestants(o.tools, data, drain)
	if err != nil {
		return table{}, err
	}
	target := filepath.Join(s.dir, "written")
	take := func(ctx context.Context, c tool) (float64, error) {
		out, err := os.Create(target)
		if err != nil {
			return 0, err
		}
		defer os.Remove(target)
		defer out.Close()
		var to io.Writer = out
		silent := strings.HasSuffix(c.name, devNull)
		if silent {
			to = nil
		}
		took, err := s.start(ctx, c, t, to)
		if err == nil && c.native {
			err = s.verifyLoud(ctx, c, size)
		} else if err == nil && !silent {
			err = sizeIs(out, size)
		}
		return took.Seconds(), err
	}
	if _, err := rounds(ctx, 1, o.seed, tools, take); err != nil {
		return table{}, err
	}
	samples, err := rounds(ctx, o.rounds, o.seed, tools, take)
	if err != nil {
		return table{}, err
	}
	title := fmt.Sprintf("one hook that writes %d MiB of lines, output to a file", o.mib)
	note := ""
	if tools[len(tools)-1].native {
		note = "every record of phased run was read back, and accounts for every byte as kept or left out"
	}
	return newTable(title, note, tools, samples), nil
}

const devNull = "> /dev/null"

// loudContestants are those of the other tables, but cat comes first, then what
// a pipe costs without anything behind it, and phased run is measured with its
// own output thrown away as well.
func (s *stage) loudContestants(only []string, data, drain string) ([]tool, error) {
	all, err := s.contestants(only)
	if err != nil {
		return nil, err
	}
	plain := func(tree) []string { return s.environment(systemPath) }
	cat := tool{name: "cat FILE > file", argv: func(tree) []string { return []string{"/bin/cat", data} }, env: plain}
	pipe := tool{name: "C: read a pipe " + devNull, argv: func(t tree) []string { return []string{drain, filepath.Join(t.phase(), "10-loud")} }, env: plain}
	all = slices.Insert(all, 0, cat, pipe)
	if all[len(all)-1].native {
		secretive, err := s.secretive()
		if err != nil {
			return nil, err
		}
		all = append(all, secretive, s.native("phased run "+devNull))
	}
	return all, nil
}

// sizeIs says whether a tool passed on every byte.
func sizeIs(f *os.File, want int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != want {
		return fmt.Errorf("%d bytes were written, want %d", info.Size(), want)
	}
	return nil
}

// writeLines fills a file with at least n bytes of text, in lines such as
// programs print.
func writeLines(path string, n int) (int64, error) {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%08d: a line of the sort that a package manager prints while it unpacks\n", i)
	}
	return int64(b.Len()), os.WriteFile(path, b.Bytes(), 0o644)
}
