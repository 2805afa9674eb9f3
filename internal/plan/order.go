package plan

import (
	"sort"

	"phased/internal/phased"
)

// Less reports whether a hook named a runs before one named b.
func Less(order phased.Order, a, b string) bool { return a < b }

// Sort puts names in run order.
func Sort(order phased.Order, names []string) {
	sort.SliceStable(names, func(i, j int) bool { return Less(order, names[i], names[j]) })
}
