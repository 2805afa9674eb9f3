package report

import (
	"io"
	"maps"
	"slices"

	"phased/internal/phased"
)

// Logs prints recorded output as it is given, in the order in which it was
// read.
type Logs struct {
	Style
	Headings bool   // say whose output follows, where hooks change
	Raw      bool   // the bytes and nothing else
	Stream   string // "out" or "err" alone; "" both
	Over     bool   // the run goes on no more
	out, err *printer
	block    string
	parts    map[string]*[2]lines
	waiting  map[string]string // what is to be said of hooks that run: see Progress
}

// NewLogs returns a Logs that prints to out, and what a record lacks to err.
func NewLogs(out, err io.Writer, s Style) *Logs {
	return &Logs{Style: s, out: newPrinter(out, s), err: newPrinter(err, s), parts: map[string]*[2]lines{}}
}

// Output prints a piece of output.
func (l *Logs) Output(o phased.HookOutput) {
	if l.Stream != "" && l.Stream != o.Stream {
		return
	}
	if l.Raw {
		l.out.raw([]byte(o.Text))
		return
	}
	key := Hook(o.Phase, o.Hook)
	parts := l.parts[key]
	if parts == nil {
		parts = new([2]lines)
		l.parts[key] = parts
	}
	parts[streamIndex(o.Stream)].add(string(o.Text), func(line string) { l.line(key, o.Stream, line) })
}

// Cut says where output was left out of the record.
func (l *Logs) Cut(c phased.HookCut) {
	l.note(Hook(c.Phase, c.Hook), Page{}.Cut(c))
}

// HookEnd prints what a hook has left without a line end.
func (l *Logs) HookEnd(phase string, hook phased.Text) {
	l.end(Hook(phase, hook))
	delete(l.waiting, Hook(phase, hook))
}

// End prints what is left without a line end and returns the first error of the
// writer.
func (l *Logs) End() error {
	for key := range l.parts {
		l.end(key)
	}
	for _, key := range slices.Sorted(maps.Keys(l.waiting)) {
		if text := l.waiting[key]; text != "" {
			l.note(key, text)
		}
	}
	return l.out.flush()
}

// Flush writes out what was printed.
func (l *Logs) Flush() error { return l.out.flush() }

func (l *Logs) end(key string) {
	if parts := l.parts[key]; parts != nil {
		for i, stream := range []string{"out", "err"} {
			parts[i].end(func(line string) { l.line(key, stream, line) })
		}
		delete(l.parts, key)
	}
}

func (l *Logs) head(key string) {
	if !l.Headings || l.block == key {
		return
	}
	if l.block != "" {
		l.out.line("")
	}
	l.block = key
	l.out.line(l.paint(bold, "==> "+key+" <=="))
}

func (l *Logs) line(key, stream, line string) {
	l.head(key)
	if !l.Terminal {
		l.out.raw([]byte(line + "\n"))
		return
	}
	for _, row := range rows(line) {
		l.out.printf("%s%s\n", l.gutter(stream), l.output(row))
	}
}
