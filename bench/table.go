package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// report is what is written as JSON. Times are in seconds.
type report struct {
	Facts  facts   `json:"facts"`
	Tables []table `json:"tables"`
}

// facts say where and how the figures were taken.
type facts struct {
	When       time.Time `json:"when"`
	Phased     string    `json:"phased"`
	Go         string    `json:"go"`
	Kernel     string    `json:"kernel"`
	Processor  string    `json:"processor"`
	Cores      int       `json:"cores"`
	FileSystem string    `json:"file_system"`
	Rounds     int       `json:"rounds"`
	Seed       uint64    `json:"seed"`
	Load       string    `json:"load"` // /proc/loadavg at the start
}

// table compares tools; the first row is the baseline.
type table struct {
	Title string `json:"title"`
	Note  string `json:"note,omitempty"`
	Rows  []row  `json:"rows"`
}

type row struct {
	Tool    string    `json:"tool"`
	Median  float64   `json:"median"`
	Min     float64   `json:"min"`
	Max     float64   `json:"max"`
	Ratio   float64   `json:"ratio"` // of the medians, to the baseline
	Over    float64   `json:"over"`  // median less the baseline's
	Samples []float64 `json:"samples"`
}

func gather(ctx context.Context, s *stage, o options) (facts, error) {
	version, err := exec.CommandContext(ctx, filepath.Join(s.bin, "phased"), "version").Output()
	if err != nil {
		return facts{}, fmt.Errorf("cannot ask phased for its version: %w", err)
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return facts{}, err
	}
	first, _, _ := strings.Cut(string(version), "\n")
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return facts{}, err
	}
	return facts{
		When:       time.Now().UTC().Truncate(time.Second),
		Phased:     first,
		Go:         runtime.Version(),
		Kernel:     unix.ByteSliceToString(name.Release[:]) + " " + unix.ByteSliceToString(name.Machine[:]),
		Processor:  processor(),
		Cores:      runtime.NumCPU(),
		FileSystem: s.fs,
		Rounds:     o.rounds,
		Seed:       o.seed,
		Load:       strings.TrimSpace(string(load)),
	}, nil
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func (f facts) print(w io.Writer) {
	fmt.Fprintf(w, "%s; %s; Linux %s; %s, %d cores; state on %s\n", f.Phased, f.Go, f.Kernel, f.Processor, f.Cores, f.FileSystem)
	fmt.Fprintf(w, "%d interleaved rounds, medians; seed %d; load at the start %s\n", f.Rounds, f.Seed, f.Load)
}

// newTable makes a table of the samples of each tool.
func newTable(title, note string, tools []tool, samples [][]float64) table {
	t := table{Title: title, Note: note}
	for i, c := range tools {
		r := row{Tool: c.name, Median: median(samples[i]), Min: slices.Min(samples[i]), Max: slices.Max(samples[i]), Samples: samples[i]}
		base := r.Median
		if i > 0 {
			base = t.Rows[0].Median
		}
		r.Ratio, r.Over = r.Median/base, r.Median-base
		t.Rows = append(t.Rows, r)
	}
	return t
}

func median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

func (t table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", t.Title)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tab, "ratio\tmedian ms\tover ms\tmin ms\tmax ms\t\n")
	for _, r := range t.Rows {
		fmt.Fprintf(tab, "%.2f\t%.2f\t%+.2f\t%.2f\t%.2f\t  %s\n", r.Ratio, r.Median*1e3, r.Over*1e3, r.Min*1e3, r.Max*1e3, r.Tool)
	}
	tab.Flush()
	if t.Note != "" {
		fmt.Fprintln(w, t.Note)
	}
}
