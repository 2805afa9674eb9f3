package capsule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"phased/internal/phased"
)

// trimmed returns what is kept of pieces of output, and how much is said to be left
// out.
func trimmed(t *testing.T, limit int64, hooks ...[]string) (kept []phased.Event, left int64) {
	t.Helper()
	var events []phased.Event
	for i := range 1000 { // hooks take turns
		for h, pieces := range hooks {
			if i < len(pieces) {
				events = append(events, phased.Event{Seq: uint64(len(events) + 1), Data: phased.HookOutput{Phase: "p", Hook: phased.Text(fmt.Sprint(h)), Text: phased.Text(pieces[i])}})
			}
		}
	}
	var trim Trim
	for _, e := range events {
		trim.Measure(e.Data.(phased.HookOutput))
	}
	left = trim.Limit(limit)
	for _, e := range events {
		got, changed := trim.Event(e)
		if was, is := e.Data, got.Data; (was != is) != changed {
			t.Errorf("changed is %t: %v, %v", changed, was, is)
		}
		if got.Seq != e.Seq {
			t.Error("another seq")
		}
		kept = append(kept, got)
	}
	return kept, left
}

// texts joins the output of each hook; what was cut is <N>.
func texts(events []phased.Event) map[string]string {
	all := map[string]string{}
	for _, e := range events {
		switch d := e.Data.(type) {
		case phased.HookOutput:
			all[string(d.Hook)] += string(d.Text)
		case phased.HookCut:
			all[string(d.Hook)] += fmt.Sprintf("<%d>", d.Dropped)
		}
	}
	return all
}

func TestTrim(t *testing.T) {
	ten := []string{"aa", "bb", "cc", "dd", "ee"}
	for name, c := range map[string]struct {
		limit int64
		hooks [][]string
		want  []string
	}{
		"all":                 {10, [][]string{ten}, []string{"aabbccddee"}},
		"the middle":          {8, [][]string{ten}, []string{"aabb<2>ddee"}},
		"in pieces":           {6, [][]string{ten}, []string{"aab<4>dee"}},
		"nothing":             {0, [][]string{ten}, []string{"<10>"}},
		"one piece":           {4, [][]string{{"aabbccddee"}}, []string{"aa\n[6 bytes left out of this capsule here]\nee"}},
		"two pieces":          {4, [][]string{{"aabbc", "cddee"}}, []string{"aa\n[6 bytes left out of this capsule here]\nee"}},
		"the small keeps all": {12, [][]string{ten, {"xx"}, ten}, []string{"aa<5>dee", "xx", "aa<5>dee"}},
	} {
		t.Run(name, func(t *testing.T) {
			events, _ := trimmed(t, c.limit, c.hooks...)
			got := texts(events)
			for i, want := range c.want {
				if got[fmt.Sprint(i)] != want {
					t.Errorf("hook %d: %q, want %q", i, got[fmt.Sprint(i)], want)
				}
			}
		})
	}
}

// TestTrimNeverKeepsMore: whatever hooks wrote, what is kept and what is said to be
// left out are all of it, and no more than the limit is kept.
func TestTrimNeverKeepsMore(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var hooks [][]string
		var total int64
		for range r.IntN(6) {
			var pieces []string
			for range r.IntN(8) {
				pieces = append(pieces, strings.Repeat("x", r.IntN(20)))
				total += int64(len(pieces[len(pieces)-1]))
			}
			hooks = append(hooks, pieces)
		}
		limit := r.Int64N(200)
		events, left := trimmed(t, limit, hooks...)
		kept, said := int64(0), int64(0)
		for _, text := range texts(events) {
			kept += int64(strings.Count(text, "x"))
			for _, part := range strings.FieldsFunc(text, func(c rune) bool { return c == '<' || c == '[' || c == '>' || c == ']' }) {
				var n int64
				if _, err := fmt.Sscanf(part, "%d", &n); err == nil {
					said += n
				}
			}
		}
		if kept > limit || kept+left != total || said != left {
			t.Fatalf("limit %d of %d: %d kept, %d left out, %d said: %q -> %q", limit, total, kept, left, said, hooks, texts(events))
		}
	}
}
