package executor

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/proc"
)

// TestMembers goes through what belongs to a tree, on made-up processes. The hook
// is 100, started at 50.
func TestMembers(t *testing.T) {
	type p = proc.Stat
	hook := p{Pid: 100, Parent: 7, Group: 100, Session: 1, Start: 50}
	for _, c := range []struct {
		name   string
		group  bool
		marker string
		known  map[int]uint64
		all    []p
		marked []int
		want   []int
	}{
		{name: "the hook alone", all: []p{hook, {Pid: 7, Parent: 1, Start: 1}, {Pid: 8, Parent: 7, Start: 60}}, want: []int{100}},
		{name: "another process of that pid", all: []p{{Pid: 100, Parent: 7, Start: 99}, {Pid: 101, Parent: 100, Start: 100}}},
		{name: "descendants, parents first", all: []p{{Pid: 90, Parent: 101, Start: 70}, {Pid: 101, Parent: 100, Start: 60}, hook}, want: []int{100, 101, 90}},
		{name: "a child older than its parent", all: []p{hook, {Pid: 101, Parent: 100, Start: 49}}, want: []int{100}},
		{name: "handed on to init", all: []p{hook, {Pid: 101, Parent: 1, Group: 100, Session: 100, Start: 60}}, want: []int{100}},
		{name: "its group", group: true, all: []p{hook, {Pid: 101, Parent: 1, Group: 100, Start: 60}}, want: []int{100, 101}},
		{name: "its group after it has gone", group: true, all: []p{{Pid: 101, Parent: 1, Group: 100, Start: 60}}, want: []int{101}},
		{name: "its session", group: true, all: []p{hook, {Pid: 101, Parent: 1, Group: 101, Session: 100, Start: 60}}, want: []int{100, 101}},
		{name: "the group of the caller", group: true, all: []p{hook, {Pid: 101, Parent: 1, Group: 7, Session: 1, Start: 60}}, want: []int{100}},
		{
			name: "a session that a child leads", group: true,
			all:  []p{hook, {Pid: 101, Parent: 100, Group: 101, Session: 101, Start: 60}, {Pid: 102, Parent: 1, Group: 102, Session: 101, Start: 61}, {Pid: 103, Parent: 102, Group: 102, Session: 101, Start: 62}},
			want: []int{100, 101, 102, 103},
		},
		{
			name: "a session that a child led", group: true, known: map[int]uint64{101: 60},
			all: []p{hook, {Pid: 102, Parent: 1, Group: 102, Session: 101, Start: 61}}, want: []int{100, 102},
		},
		{
			name: "a session of a pid that was given out again", group: true, known: map[int]uint64{101: 60},
			all: []p{hook, {Pid: 101, Parent: 1, Group: 101, Session: 101, Start: 70}, {Pid: 102, Parent: 1, Group: 102, Session: 101, Start: 71}}, want: []int{100},
		},
		{name: "known, and handed on since", known: map[int]uint64{101: 60}, all: []p{{Pid: 101, Parent: 1, Start: 60}, {Pid: 102, Parent: 101, Start: 61}}, want: []int{101, 102}},
		{name: "marked", marker: "M=1", marked: []int{101, 103}, all: []p{hook, {Pid: 101, Parent: 1, Start: 60}, {Pid: 102, Parent: 101, Start: 61}, {Pid: 103, Parent: 1, Start: 49}}, want: []int{100, 101, 102}},
		{name: "init and this process", marker: "M=1", group: true, marked: []int{1}, all: []p{hook, {Pid: 1, Parent: 100, Group: 100, Start: 60}}, want: []int{100}},
	} {
		tr := newTree(phased.Hook{}, 100, -1, 50, c.group, c.marker)
		maps.Copy(tr.known, c.known)
		var got []int
		for _, s := range tr.members(c.all, func(s p) bool { return slices.Contains(c.marked, s.Pid) }) {
			got = append(got, s.Pid)
			if tr.known[s.Pid] != s.Start {
				t.Errorf("%s: %d is not remembered", c.name, s.Pid)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
