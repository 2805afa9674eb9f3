package plan

import (
	"slices"
	"strings"

	"phased/internal/phased"
)

// Less reports whether a hook named a runs before one named b.
func Less(order phased.Order, a, b string) bool {
	if order == phased.Glob {
		return a < b
	}
	return compareKeys(parseKey(a), parseKey(b)) < 0
}

// SameNumber reports whether two names have the same number in front, by value.
func SameNumber(a, b string) bool { return compareNumbers(parseKey(a), parseKey(b)) == 0 }

// Sort puts names in run order.
func Sort(order phased.Order, names []string) {
	if order == phased.Glob {
		slices.Sort(names)
		return
	}
	keys := make([]key, len(names))
	for i, n := range names {
		keys[i] = parseKey(n)
	}
	slices.SortFunc(keys, compareKeys)
	for i, k := range keys {
		names[i] = k.name
	}
}

// key is a name as `sort -n` of the C locale sees it: a number of any length,
// and the whole name where numbers are equal. No number is 0.
type key struct {
	name     string
	negative bool
	whole    string // digits without leading zeros
	fraction string // digits without trailing zeros
}

// parseKey reads the number that a name starts with: blanks, one '-', digits,
// and a fraction after '.'. Nothing else counts: no '+', exponent or hex.
func parseKey(name string) key {
	from, dot, to := numberBounds(name)
	k := key{name: name}
	if from == to {
		return k
	}
	k.negative = name[from] == '-'
	whole, fraction := name[from:dot], ""
	if k.negative {
		whole = whole[1:]
	}
	if dot < to {
		fraction = name[dot+1 : to]
	}
	k.whole, k.fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if k.whole == "" && k.fraction == "" {
		k.negative = false // -0 is 0
	}
	return k
}

// numberBounds finds the number that a name starts with: name[from:to], its
// whole digits ending at dot. from == to where it has none.
func numberBounds(name string) (from, dot, to int) {
	i := 0
	for i < len(name) && (name[i] == ' ' || name[i] == '\t' || name[i] == '\n') {
		i++
	}
	from = i
	if i < len(name) && name[i] == '-' {
		i++
	}
	digits := i
	for i < len(name) && isDigit(name[i]) {
		i++
	}
	dot, to = i, i
	if i+1 < len(name) && name[i] == '.' && isDigit(name[i+1]) {
		for i++; i < len(name) && isDigit(name[i]); i++ {
		}
		to = i
	}
	if to == digits {
		return 0, 0, 0
	}
	return from, dot, to
}

// number returns the number that orders a name, as it is written, or "".
func number(name string) string {
	from, _, to := numberBounds(name)
	return name[from:to]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func compareKeys(a, b key) int {
	if n := compareNumbers(a, b); n != 0 {
		return n
	}
	return strings.Compare(a.name, b.name)
}

func compareNumbers(a, b key) int {
	if a.negative != b.negative {
		if a.negative {
			return -1
		}
		return 1
	}
	n := len(a.whole) - len(b.whole)
	if n == 0 {
		n = strings.Compare(a.whole, b.whole)
	}
	if n == 0 {
		// Without trailing zeros, fractions order as text does.
		n = strings.Compare(a.fraction, b.fraction)
	}
	if a.negative {
		return -n
	}
	return n
}
