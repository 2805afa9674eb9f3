package redact

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxPattern is the length of the longest text that a pattern may match, in
// bytes: so much of a text may have to be held back before it is known whether
// it is a secret.
const MaxPattern = 1 << 10

// Pattern is an RE2 expression for texts that are secrets. It may be used by
// several goroutines at once.
type Pattern struct {
	re      *regexp.Regexp
	prog    *syntax.Prog
	longest int
}

// ParsePattern reads an RE2 expression. One that may match more than MaxPattern
// bytes or fewer than Least, or that looks at what stands around a match, is
// refused: the error says why, and what to write instead.
func ParsePattern(expression string) (*Pattern, error) {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("not an RE2 expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	least, most, err := lengths(tree)
	switch {
	case err != nil:
		return nil, err
	case most > MaxPattern:
		return nil, fmt.Errorf("may match up to %d bytes; %d are the most (a `.` counts for 4)", most, MaxPattern)
	case least < Least:
		return nil, fmt.Errorf("matches also texts of fewer than %d bytes, which are found everywhere; add what stands before the secret, or a number {%d,} such as [0-9]{%d,20}", Least, Least, Least)
	}
	p := &Pattern{longest: most}
	if p.re, err = regexp.Compile(expression); err != nil {
		return nil, fmt.Errorf("not an RE2 expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if p.prog, err = syntax.Compile(tree.Simplify()); err != nil {
		return nil, fmt.Errorf("not an RE2 expression: %v", err)
	}
	return p, nil
}

// lengths returns how many bytes an expression matches at least and at most.
func lengths(t *syntax.Regexp) (least, most int, err error) {
	switch t.Op {
	case syntax.OpStar, syntax.OpPlus:
		return 0, 0, fmt.Errorf("%s has no end; write how often at most, as in {1,64}", shown(t))
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0, 0, fmt.Errorf("%s matches a place and no text; leave it out: output comes in pieces, and what stands around a match is not looked at", shown(t))
	case syntax.OpLiteral:
		for _, r := range t.Rune {
			a, b := runeLengths(r, t.Flags&syntax.FoldCase != 0)
			least, most = least+a, most+b
		}
		return least, most, nil
	case syntax.OpCharClass:
		return classLengths(t.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, utf8.UTFMax, nil
	}
	return lengthsOfParts(t)
}

// shown is a part of an expression as people write it.
func shown(t *syntax.Regexp) string {
	s := t.String()
	if inner, ok := strings.CutPrefix(s, "(?-s:"); ok {
		return strings.TrimSuffix(inner, ")")
	}
	return s
}

// lengthsOfParts is lengths for what has parts, and for what matches nothing.
func lengthsOfParts(t *syntax.Regexp) (least, most int, err error) {
	for i, sub := range t.Sub {
		a, b, err := lengths(sub)
		switch {
		case err != nil:
			return 0, 0, err
		case t.Op == syntax.OpAlternate && i > 0:
			least, most = min(least, a), max(most, b)
		default:
			least, most = least+a, most+b
		}
	}
	switch t.Op {
	case syntax.OpQuest:
		least = 0
	case syntax.OpRepeat:
		if t.Max < 0 {
			return 0, 0, fmt.Errorf("%s has no end; write how often at most, as in {%d,%d}", shown(t), t.Min, max(64, t.Min))
		}
		least, most = least*t.Min, most*t.Max
	}
	return least, min(most, 1<<20), nil // nested repeats must not overflow
}

func classLengths(class []rune) (least, most int, err error) {
	least = utf8.UTFMax
	for i := 0; i+1 < len(class); i += 2 {
		low, high := class[i], class[i+1]
		least, most = min(least, runeLength(low)), max(most, runeLength(high))
		if low <= utf8.RuneError && utf8.RuneError <= high {
			least = 1 // a byte that is no text is taken for it
		}
	}
	return min(least, most), most, nil
}

func runeLength(r rune) int { return max(utf8.RuneLen(r), 1) }

func runeLengths(r rune, fold bool) (least, most int) {
	least, most = runeLength(r), runeLength(r)
	if r == utf8.RuneError {
		least = 1
	}
	for f := unicode.SimpleFold(r); fold && f != r; f = unicode.SimpleFold(f) {
		least, most = min(least, runeLength(f)), max(most, runeLength(f))
	}
	return least, most
}

// find returns the matches in text behind from, one behind the other, which no
// more text can change, and where the first one may begin that more text may yet
// make: the length of text where there is none. Where text is the last there is,
// no more can come.
func (p *Pattern) find(text []byte, from int, last bool) (runs []run, open int) {
	open = len(text)
	if !last {
		open = p.open(text, from)
	}
	for from < len(text) {
		at := p.re.FindIndex(text[from:])
		if at == nil || from+at[0] >= open {
			break
		}
		runs = append(runs, run{from + at[0], from + at[1]})
		if from += at[1]; from > open {
			open = p.open(text, from)
		}
	}
	return runs, open
}

// open returns where the first match may begin, behind from, that needs more than
// there is of text.
func (p *Pattern) open(text []byte, from int) int {
	at := boundary(text, max(from, len(text)-p.longest-utf8.UTFMax), from)
	now, next := newThreads(len(p.prog.Inst)), newThreads(len(p.prog.Inst))
	for at < len(text) {
		if !utf8.FullRune(text[at:]) {
			return now.first(p.prog, at)
		}
		r, n := utf8.DecodeRune(text[at:])
		now.follow(p.prog, p.prog.Start, at)
		next.clear()
		at += n
		for _, pc := range now.list {
			if i := &p.prog.Inst[pc]; i.MatchRune(r) {
				next.follow(p.prog, int(i.Out), now.start[pc])
			}
		}
		now, next = next, now
	}
	return now.first(p.prog, at)
}

// boundary returns the last place up to at, and not before from, where a
// character begins as a decoder sees it that began somewhere before.
func boundary(text []byte, at, from int) int {
	if at >= len(text) {
		return at
	}
	for i := at; i > from && i > at-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	if at-from < utf8.UTFMax {
		return max(from, 0)
	}
	return at
}

// threads are the places of an expression that a text has led to, each with the
// beginning of the earliest match that may come of it.
type threads struct {
	list  []int
	start []int
	has   []bool
}

func newThreads(n int) *threads { return &threads{start: make([]int, n), has: make([]bool, n)} }

func (t *threads) clear() {
	for _, pc := range t.list {
		t.has[pc] = false
	}
	t.list = t.list[:0]
}

// follow adds the places that read a character, from pc on.
func (t *threads) follow(prog *syntax.Prog, pc, start int) {
	if t.has[pc] {
		if t.start[pc] <= start {
			return
		}
	} else {
		t.list = append(t.list, pc)
	}
	t.has[pc], t.start[pc] = true, start
	switch i := &prog.Inst[pc]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		t.follow(prog, int(i.Out), start)
		t.follow(prog, int(i.Arg), start)
	case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
		t.follow(prog, int(i.Out), start)
	}
}

// first returns the earliest beginning of a match that may go on; otherwise none.
func (t *threads) first(prog *syntax.Prog, none int) int {
	for _, pc := range t.list {
		switch prog.Inst[pc].Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			none = min(none, t.start[pc])
		}
	}
	return none
}
