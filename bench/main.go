// Command bench compares phased, in one run, with the least that running hooks
// can cost (a C loop of posix_spawn and wait) and with the tools that it stands
// in for. docs/performance.md says what is measured and why.
//
// It owns the measuring and nothing of the product: it starts the built
// binaries as anybody would and reads their records through `phased show` and
// from the run files. The texts of variable spaces alone it takes from their
// rooms, space and redact; it must not import another one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	rounds  int
	hooks   []int
	mib     int
	sourced int
	space   int
	watched int
	tools   []string // parts of names; empty: all
	bin     string
	dir     string
	out     string
	page    string // "" for none
	seed    uint64
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	o := options{hooks: []int{10, 100, 1000}, seed: uint64(time.Now().UnixNano())}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 7, "interleaved `rounds`; medians are taken over them")
	f.IntVar(&o.mib, "mib", 256, "`MiB` that the one loud hook writes; 0: leave that out")
	f.IntVar(&o.sourced, "sourced", 1000, "`number` of small hooks that are sourced; 0: leave that out")
	f.IntVar(&o.space, "space", 900, "`functions` of the variable space that is written down and restored, with 5 variables to 3 of them; 0: leave that out")
	f.IntVar(&o.watched, "watched", 5, "`seconds` for which a hook writes 10 MB/s while somebody looks on; 0: leave that out")
	f.StringVar(&o.bin, "bin", "bin", "`directory` of the built phased and its links")
	f.StringVar(&o.dir, "dir", "", "`directory` to work in, on a real disk (default: a new one below the temporary directory)")
	f.StringVar(&o.out, "json", "bench/out/bench.json", "`file` for the figures")
	f.StringVar(&o.page, "page", "", "`page` of the documentation to put the figures into")
	f.Uint64Var(&o.seed, "seed", o.seed, "`seed` of the order in which the tools take turns")
	f.Func("hooks", "`numbers` of no-op hooks, separated by commas (default 10,100,1000); 0: leave them and the first hook out", func(s string) error {
		o.hooks = nil
		if s == "0" {
			return nil
		}
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 {
				return fmt.Errorf("expected positive numbers separated by commas, not %q", s)
			}
			o.hooks = append(o.hooks, n)
		}
		return nil
	})
	f.Func("tools", "`parts` of the names of the tools to run beside the C loop, separated by commas (default: all)", func(s string) error {
		o.tools = strings.Split(s, ",")
		return nil
	})
	quick := f.Bool("quick", false, "3 rounds, 10 and 100 hooks, 16 MiB, 100 sourced hooks, 90 functions, 1 s of 10 MB/s: to see that it works")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if *quick {
		o.shrink(f)
	}
	if o.rounds < 1 {
		return o, fmt.Errorf("-rounds must be at least 1, not %d", o.rounds)
	}
	return o, nil
}

// shrink makes small what the command line does not name.
func (o *options) shrink(f *flag.FlagSet) {
	named := map[string]bool{}
	f.Visit(func(g *flag.Flag) { named[g.Name] = true })
	for name, set := range map[string]func(){
		"rounds":  func() { o.rounds = 3 },
		"hooks":   func() { o.hooks = []int{10, 100} },
		"mib":     func() { o.mib = 16 },
		"sourced": func() { o.sourced = 100 },
		"space":   func() { o.space = 90 },
		"watched": func() { o.watched = 1 },
	} {
		if !named[name] {
			set()
		}
	}
}

// run measures everything, prints the tables and writes them as JSON.
func run(ctx context.Context, o options) error {
	s, err := newStage(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	facts, err := gather(ctx, s, o)
	if err != nil {
		return err
	}
	result := report{Facts: facts}
	result.Facts.print(os.Stdout)
	add := func(t table, err error) error {
		if err != nil || len(t.Rows) == 0 { // -tools names none of it
			return err
		}
		t.print(os.Stdout)
		result.Tables = append(result.Tables, t)
		return nil
	}
	for _, n := range o.hooks {
		if err := add(noops(ctx, s, o, n)); err != nil {
			return err
		}
	}
	for _, g := range []struct {
		size    int
		measure func(context.Context, *stage, options) (table, error)
	}{{len(o.hooks), firstHook}, {o.mib, loudHook}, {o.sourced, sourced}, {o.space, spaces}, {o.space, bigHooks}} {
		if g.size == 0 {
			continue
		}
		if err := add(g.measure(ctx, s, o)); err != nil {
			return err
		}
	}
	if o.watched > 0 && wanted("phased run", o.tools) {
		tables, err := watched(ctx, s, o)
		for _, t := range tables {
			_ = add(t, nil)
		}
		if err != nil {
			return err
		}
	}
	if err := result.write(o.out); err != nil || o.page == "" {
		return err
	}
	return result.writePage(o.page)
}

func (r report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Printf("\nfigures: %s\n", path)
	return nil
}
