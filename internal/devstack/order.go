package devstack

import (
	"fmt"
	"strings"

	"phased/internal/phased"
)

// The orders of plugins.
const (
	OrderListed   = "listed"   // as the local.conf has them, like DevStack
	OrderRequired = "required" // what a plugin requires comes before it
)

// Order returns the plugins in the given order; "" is OrderListed. Required
// order is the listed one, with what a plugin requires moved to just before it.
// What is required and not among them is passed over here. The error names the
// plugins of a circle.
func Order(plugins []phased.Plugin, how string) ([]phased.Plugin, error) {
	switch how {
	case "", OrderListed:
		return append([]phased.Plugin(nil), plugins...), nil
	case OrderRequired:
	default:
		return nil, fmt.Errorf("plugin order %q is not known: expected %s or %s", how, OrderListed, OrderRequired)
	}
	s := sorter{index: map[string]int{}, plugins: plugins}
	for i, p := range plugins {
		s.index[p.Name] = i
	}
	for i := range plugins {
		if err := s.place(i); err != nil {
			return nil, err
		}
	}
	return s.sorted, nil
}

// sorter places each plugin behind what it requires, by walking depth first.
type sorter struct {
	plugins []phased.Plugin
	index   map[string]int
	path    []int // from a listed plugin to the one that is being placed
	placed  map[int]bool
	sorted  []phased.Plugin
}

func (s *sorter) place(i int) error {
	if s.placed[i] {
		return nil
	}
	for k, on := range s.path {
		if on == i {
			return s.circle(s.path[k:])
		}
	}
	s.path = append(s.path, i)
	for _, name := range s.plugins[i].Requires {
		if other, enabled := s.index[name]; enabled {
			if err := s.place(other); err != nil {
				return err
			}
		}
	}
	s.path = s.path[:len(s.path)-1]
	if s.placed == nil {
		s.placed = map[int]bool{}
	}
	s.placed[i] = true
	s.sorted = append(s.sorted, s.plugins[i])
	return nil
}

func (s *sorter) circle(path []int) error {
	var b strings.Builder
	for _, i := range path {
		fmt.Fprintf(&b, "%s requires ", s.plugins[i].Name)
	}
	return fmt.Errorf("plugins cannot be ordered: %s%s: take one plugin_requires out of their devstack/settings, or order them as they are listed",
		b.String(), s.plugins[path[0]].Name)
}
