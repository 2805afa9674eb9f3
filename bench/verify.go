package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// event is what is read of a line of a run file.
type event struct {
	Seq  uint64 `json:"seq"`
	Kind string `json:"kind"`
	Data struct {
		Exit    struct{ Cause string }
		Status  string
		Text    json.RawMessage
		Dropped int64
		Out     int64
		Pid     int
		Usage   struct {
			User   time.Duration `json:"user_ns"`
			System time.Duration `json:"system_ns"`
		}
		Changes []struct{ Name json.RawMessage }
		Trace   struct {
			File  string
			Line  int
			Stack []json.RawMessage
		}
	} `json:"data"`
}

// folded is what is read of `phased show --json`.
type folded struct {
	Status string `json:"status"`
	Phases []struct {
		Hooks []struct {
			Status string `json:"status"`
		} `json:"hooks"`
	} `json:"phases"`
}

// verify reads back the record that a run has just left, in two ways: the bytes
// of its file, and what phased itself makes of it.
func (s *stage) verify(ctx context.Context, c tool, hooks int) error {
	events, err := newestRun(c.state)
	if err != nil {
		return err
	}
	if err := finished(events, hooks); err != nil {
		return err
	}
	if c.provenance {
		if err := changed(events, hooks); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "phased"), "show", "last", "--json", "--state-dir", c.state)
	cmd.Env, cmd.Stderr = s.environment(systemPath), os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("cannot read the record back: %w", err)
	}
	return shown(text, hooks)
}

// finished says whether the events tell of that many hooks that ended well.
func finished(events []event, hooks int) error {
	ok := 0
	for _, e := range events {
		if e.Kind == "hook.finished" && e.Data.Exit.Cause == "ok" {
			ok++
		}
	}
	if ok != hooks {
		return fmt.Errorf("the record has %d hooks that ended well, want %d", ok, hooks)
	}
	if last := events[len(events)-1]; last.Kind != "run.finished" || last.Data.Status != "succeeded" {
		return fmt.Errorf("the record ends with %s %s, want run.finished succeeded", last.Kind, last.Data.Status)
	}
	return nil
}

// changed says whether the events tell of that many hooks that set their
// variable.
func changed(events []event, hooks int) error {
	n := 0
	for _, e := range events {
		for _, c := range e.Data.Changes {
			if e.Kind == "space.changed" && string(c.Name) == `"`+lastHook+`"` {
				n++
			}
		}
	}
	if n != hooks {
		return fmt.Errorf("the record has %d changes of %s, want %d", n, lastHook, hooks)
	}
	return nil
}

func shown(text []byte, hooks int) error {
	var run folded
	if err := json.Unmarshal(text, &run); err != nil {
		return fmt.Errorf("cannot read what `phased show --json` prints: %w", err)
	}
	ok := 0
	for _, p := range run.Phases {
		for _, h := range p.Hooks {
			if h.Status == "succeeded" {
				ok++
			}
		}
	}
	if ok != hooks || run.Status != "succeeded" {
		return fmt.Errorf("`phased show` tells of a run that %s with %d hooks that succeeded, want %d", run.Status, ok, hooks)
	}
	return nil
}

// verifyLoud says whether the record accounts for every byte of output.
func (s *stage) verifyLoud(ctx context.Context, c tool, size int64) error {
	if err := s.verify(ctx, c, 1); err != nil {
		return err
	}
	events, err := newestRun(c.state)
	if err != nil {
		return err
	}
	return accounted(events, size)
}

func accounted(events []event, size int64) error {
	var kept, dropped, out int64
	for _, e := range events {
		switch e.Kind {
		case "hook.output":
			n, err := textLen(e.Data.Text)
			if err != nil {
				return fmt.Errorf("event %d: %w", e.Seq, err)
			}
			kept += n
		case "hook.cut":
			dropped += e.Data.Dropped
		case "hook.finished":
			out = e.Data.Out
		}
	}
	if kept == 0 || kept+dropped != size || out != size {
		return fmt.Errorf("of %d bytes of output the record keeps %d, leaves out %d and counts %d", size, kept, dropped, out)
	}
	return nil
}

// textLen returns the number of bytes that a text of the record stands for.
func textLen(raw json.RawMessage) (int64, error) {
	var plain string
	if json.Unmarshal(raw, &plain) == nil {
		return int64(len(plain)), nil
	}
	var coded struct{ B64 string }
	if err := json.Unmarshal(raw, &coded); err != nil {
		return 0, err
	}
	b, err := base64.StdEncoding.DecodeString(coded.B64)
	return int64(len(b)), err
}

// newestRun reads the run file that was made last. Ids sort by time.
func newestRun(state string) ([]event, error) {
	files, err := filepath.Glob(filepath.Join(state, "runs", "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no record in %s", state)
	}
	file := slices.Max(files)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	events, err := readRun(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return events, nil
}

// readRun checks every line: its checksum, computed here and not by phased's
// own code, and its place in the sequence.
func readRun(text []byte) ([]event, error) {
	var events []event
	for line := range bytes.Lines(text) {
		n := len(events) + 1
		const field = `,"crc":"`
		cut := max(0, bytes.LastIndex(line, []byte(field)))
		body, sum := line[:cut], bytes.TrimPrefix(bytes.TrimSuffix(line[cut:], []byte("\"}\n")), []byte(field))
		want := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
		if string(sum) != fmt.Sprintf("%08x", want) {
			return nil, fmt.Errorf("line %d has checksum %q, want %08x", n, sum, want)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if e.Seq != uint64(n) {
			return nil, fmt.Errorf("line %d has sequence number %d", n, e.Seq)
		}
		events = append(events, e)
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("the run file is empty")
	}
	return events, nil
}
