package web

import (
	"iter"

	"phased/internal/phased"
	"phased/internal/report"
)

// What of a log one page shows: so many lines, of so many bytes.
const (
	pageLines = 1000
	pageBytes = 512 << 10
	// before is how many lines stand before one that is looked for.
	linesBefore = 20
)

// logQuery is which part of a log is asked for. The zero value asks for the end.
type logQuery struct {
	From   int    // first line; 0: none was named
	Find   string // what is looked for; "": nothing
	At     int    // the line from which on it is looked for
	Stream string // out or err alone; "": both
}

// logPart is a part of a log.
type logPart struct {
	logQuery
	Lines       []logLine
	Total       int // lines of the whole log, both streams
	Shown       int // of these, in the streams that were asked for
	First, Last int // numbers of the lines that are here; 0: none
	More        bool
	// Of a search:
	Hits, Hit  int // how many lines have it; which of them is gone to, from 1
	Prev, Next int // lines of the ones before and behind; 0: none
	Reader     *logReader
	Pens       [2]pen // with which the first line here is written
}

// logEvents yields the events of one hook, anew each time.
type logEvents func() iter.Seq2[phased.Event, error]

// readLog reads a log twice: once to find the place, once for what stands there.
// No more than the part is kept.
func readLog(events logEvents, words report.Page, q logQuery) (logPart, error) {
	part := logPart{logQuery: q}
	f := finder{query: q}
	r := &logReader{words: words, emit: f.line}
	if err := feed(events, r); err != nil {
		return part, err
	}
	part.Reader = r
	part.Total, part.Shown = r.lines, f.shown
	part.Hits, part.Hit, part.Prev, part.Next = f.hits, f.hit, f.prev, f.next
	from := q.From
	if from > r.lines { // there is no such line
		from = 0
	}
	switch {
	case from > 0:
	case f.target > 0:
		from = max(1, f.target-linesBefore)
		part.At = f.target
	case q.Find != "":
		from = 1
	default:
		from = f.lastPage()
	}
	c := collector{query: q, from: from, part: &part}
	again := &logReader{words: words, emit: c.line}
	if err := feed(events, again); err != nil {
		return part, err
	}
	c.finish()
	return part, nil
}

func feed(events logEvents, r *logReader) error {
	for e, err := range events() {
		if err != nil {
			return err
		}
		r.event(e)
	}
	if !r.goesOn() {
		r.end()
	}
	return nil
}

// finder finds the place in a log.
type finder struct {
	query      logQuery
	shown      int
	ends       [pageLines]placed // the last lines, around
	hits, hit  int
	target     int
	prev, next int
}

type placed struct{ n, bytes int }

func (f *finder) line(l logLine) {
	if l.N == 0 || f.query.Stream != "" && l.Stream != f.query.Stream {
		return
	}
	f.ends[f.shown%pageLines] = placed{l.N, len(l.Text)}
	f.shown++
	if f.query.Find == "" || !has(l, f.query.Find) {
		return
	}
	f.hits++
	switch {
	case f.target > 0:
		if f.next == 0 {
			f.next = l.N
		}
	case l.N >= f.query.At:
		f.target, f.hit = l.N, f.hits
	default:
		f.prev = l.N
	}
}

// lastPage returns the first line of the last page.
func (f *finder) lastPage() int {
	bytes, first := 0, 1
	for i := range min(f.shown, pageLines) {
		one := f.ends[(f.shown-1-i)%pageLines]
		bytes += min(one.bytes, lineShown)
		if i > 0 && bytes > pageBytes {
			break
		}
		first = one.n
	}
	return first
}

// has reports whether a line has a text, by what it shows, in either case.
func has(l logLine, find string) bool {
	return index(report.Safe(l.Text, false), find) >= 0
}

// index is strings.Index that takes ASCII letters of either case for the same.
func index(text, find string) int {
	for i := 0; i+len(find) <= len(text); i++ {
		if same(text[i:i+len(find)], find) {
			return i
		}
	}
	return -1
}

func same(a, b string) bool {
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// collector keeps the lines of one part of a log.
type collector struct {
	query logQuery
	from  int
	part  *logPart
	lines int
	bytes int
	notes []logLine // since the last line that was passed over
}

func (c *collector) line(l logLine) {
	p := c.part
	switch {
	case l.N == 0 && p.First > 0 && !p.More:
		p.Lines = append(p.Lines, l)
	case l.N == 0 && !p.More:
		c.notes = append(c.notes, l)
	case l.N == 0 || c.query.Stream != "" && l.Stream != c.query.Stream:
	case l.N < c.from:
		c.notes = nil
		i, _ := streamOf(l.Stream)
		l.follow(&p.Pens[i]) // its colours may go on
	case c.lines >= pageLines || c.lines > 0 && c.bytes+min(len(l.Text), lineShown) > pageBytes:
		p.More = true
	case !p.More:
		if p.First == 0 {
			p.Lines, c.notes, p.First = append(p.Lines, c.notes...), nil, l.N
		}
		p.Lines, p.Last = append(p.Lines, l), l.N
		c.lines++
		c.bytes += min(len(l.Text), lineShown)
	}
}

// finish puts notes where there is no line at all.
func (c *collector) finish() {
	if c.part.First == 0 {
		c.part.Lines = c.notes
	}
}
