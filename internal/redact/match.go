package redact

import (
	"encoding/binary"
	"math/bits"
)

const (
	// maxNeedle is the length of the longest text that is looked for, in bytes.
	maxNeedle = 64
	// minNeedle is how many bytes the search looks at first.
	minNeedle = 4
)

// matcher finds many texts in one pass. The first four bytes of each are looked
// up at every place of a text: first in a bitmap, which nearly always says no,
// then in a hash table of the texts that begin so. It is never changed.
type matcher struct {
	needles  []string
	next     []int32  // of each: another that begins so, or -1
	keys     []uint32 // the table: how needles begin
	heads    []int32  // the table: the first that begins so; -1: free
	filter   []uint64
	shift    int // of a hash, to a bit of the filter
	slots    int // of a hash, to a place in the table
	begins   map[string]bool
	patterns []*Pattern
	reach    int // how far a place is from the end of what it is part of, at most
}

// newMatcher returns a matcher for what is known, nil where that is nothing.
func newMatcher(needles map[string]bool, patterns []*Pattern) *matcher {
	if len(needles) == 0 && len(patterns) == 0 {
		return nil
	}
	m := &matcher{patterns: patterns, begins: map[string]bool{}}
	size := bits.Len(uint(4 * len(needles)))
	m.slots, m.shift = 32-size, 32-max(size+4, 6)
	m.keys, m.heads = make([]uint32, 1<<size), make([]int32, 1<<size)
	for i := range m.heads {
		m.heads[i] = -1
	}
	m.filter = make([]uint64, 1<<(32-m.shift)/64)
	m.needles, m.next = make([]string, 0, len(needles)), make([]int32, 0, len(needles))
	for n := range needles {
		m.add(n)
	}
	for _, p := range patterns {
		m.reach = max(m.reach, p.longest)
	}
	return m
}

// hash mixes four bytes; its upper bits are the good ones.
func hash(key uint32) uint32 { return key * 0x9E3779B1 }

func (m *matcher) add(needle string) {
	key := binary.LittleEndian.Uint32([]byte(needle[:minNeedle]))
	bit := hash(key) >> m.shift
	m.filter[bit/64] |= 1 << (bit % 64)
	slot := m.slot(key)
	m.keys[slot] = key
	m.needles, m.next = append(m.needles, needle), append(m.next, m.heads[slot])
	m.heads[slot] = int32(len(m.needles) - 1)
	for n := 1; n < minNeedle; n++ {
		m.begins[needle[:n]] = true
	}
	m.reach = max(m.reach, len(needle))
}

// slot returns the place in the table where key is, or would be.
func (m *matcher) slot(key uint32) uint32 {
	mask := uint32(len(m.heads) - 1)
	at := uint32(uint64(hash(key))>>m.slots) & mask
	for m.heads[at] >= 0 && m.keys[at] != key {
		at = (at + 1) & mask
	}
	return at
}

// run is a run of bytes: from the first to before the last.
type run struct{ from, to int }

// find returns the runs of bytes that belong to a needle, in order and apart.
func (m *matcher) find(text []byte) []run {
	var runs []run
	filter, shift := m.filter, m.shift&31
	for i := 0; i+minNeedle <= len(text); i++ {
		key := binary.LittleEndian.Uint32(text[i:])
		bit := hash(key) >> shift
		if filter[bit/64]>>(bit%64)&1 == 0 {
			continue
		}
		n := m.at(text[i:], key)
		if n == 0 {
			continue
		}
		if last := len(runs) - 1; last >= 0 && i <= runs[last].to {
			runs[last].to = max(runs[last].to, i+n)
		} else {
			runs = append(runs, run{i, i + n})
		}
	}
	return runs
}

// at returns the length of the longest needle that text begins with, 0 for none.
func (m *matcher) at(text []byte, key uint32) int {
	n := 0
	for i := m.heads[m.slot(key)]; i >= 0; i = m.next[i] {
		if needle := m.needles[i]; len(needle) > n && len(needle) <= len(text) && string(text[:len(needle)]) == needle {
			n = len(needle)
		}
	}
	return n
}

// beginning returns where the longest end of text starts with which a needle may
// begin; the length of text where there is none.
func (m *matcher) beginning(text []byte) int {
	for i := max(len(text)-maxNeedle+1, 0); i < len(text); i++ {
		if m.mayBegin(text[i:]) {
			return i
		}
	}
	return len(text)
}

// mayBegin reports whether a needle that is longer begins with text.
func (m *matcher) mayBegin(text []byte) bool {
	if len(text) < minNeedle {
		return m.begins[string(text)]
	}
	key := binary.LittleEndian.Uint32(text)
	if bit := hash(key) >> m.shift; m.filter[bit/64]>>(bit%64)&1 == 0 {
		return false
	}
	for i := m.heads[m.slot(key)]; i >= 0; i = m.next[i] {
		if needle := m.needles[i]; len(needle) > len(text) && needle[:len(text)] == string(text) {
			return true
		}
	}
	return false
}

// in reports whether something that is known is in text.
func (m *matcher) in(text string) bool {
	for _, p := range m.patterns {
		if p.re.MatchString(text) {
			return true
		}
	}
	for i := 0; i+minNeedle <= len(text); i++ {
		key := uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16 | uint32(text[i+3])<<24
		bit := hash(key) >> m.shift
		if m.filter[bit/64]>>(bit%64)&1 != 0 && m.at([]byte(text[i:min(len(text), i+maxNeedle)]), key) > 0 {
			return true
		}
	}
	return false
}
