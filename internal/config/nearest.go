package config

import (
	"fmt"
	"strings"
)

// didYouMean returns ` (did you mean "state-dir"?)`, or nothing.
func didYouMean(word string, known []string) string {
	if n := Nearest(word, known); n != "" {
		return fmt.Sprintf(" (did you mean %q?)", n)
	}
	return ""
}

// Nearest returns the known word that is most like the given one, or "" where
// none is like it: case, '_' and '-' count as nothing, and up to a third of the
// letters may differ, or the endings of words that begin with the same letters.
func Nearest(word string, known []string) string {
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
	}
	if len(word) > 100 {
		return ""
	}
	w := fold(word)
	best, distance := "", len(w)/3+1
	for _, k := range known {
		f := fold(k)
		n := levenshtein(w, f)
		if n >= distance && len(w) >= 4 && len(f) < 100 && (strings.Contains(f, w) || len(f) >= 4 && strings.Contains(w, f)) {
			n = distance - 1 // a word left out: capture for personalities.capture
		}
		if same := commonPrefix(w, f); n >= distance && same >= 4 && 3*same >= 2*len(w) {
			n = distance - 1 // another ending: retry for retries
		}
		if n < distance {
			best, distance = k, n
		}
	}
	return best
}

// commonPrefix counts the bytes that both begin with.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// levenshtein counts the letters to insert, delete, replace, or to swap with
// their neighbour, that lead from a to b.
func levenshtein(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
