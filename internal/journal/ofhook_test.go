package journal

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// TestOfHook: every event that names the hook comes, of whatever kind, and no other;
// also where a name looks like what stands behind it in a line.
func TestOfHook(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	sc := newScript(id)
	hooks := []phased.Text{"a", `a","stream":"out`, "a\xff", "b"}
	events := sc.all(started("/x"))
	want := map[phased.Text][]phased.Event{}
	for range 2 {
		for _, phase := range []string{"configure", "error"} {
			for _, hook := range hooks {
				for _, zero := range phased.Payloads() {
					v := reflect.New(reflect.TypeOf(zero)).Elem()
					p, h := v.FieldByName("Phase"), v.FieldByName("Hook")
					if !h.IsValid() || h.Type() != reflect.TypeFor[phased.Text]() || !p.IsValid() {
						continue
					}
					p.SetString(phase)
					h.SetString(string(hook))
					data := v.Interface().(phased.Payload)
					if _, ok := data.(phased.RunFailed); ok {
						continue
					}
					e := sc.next(data)
					events = append(events, e)
					if phase == "configure" {
						want[hook] = append(want[hook], e)
					}
				}
			}
		}
	}
	keep(t, s, events)
	for _, hook := range append(hooks, "c", "") {
		var got []phased.Event
		for e, err := range s.OfHook(t.Context(), id, "configure", hook) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		if len(got) != len(want[hook]) {
			t.Fatalf("%q: %d events, not %d", hook, len(got), len(want[hook]))
		}
		for i := range got {
			if got[i].Seq != want[hook][i].Seq || got[i].Data.Kind() != want[hook][i].Data.Kind() {
				t.Errorf("%q: event %d is %d %s: %s", hook, i, got[i].Seq, got[i].Data.Kind(), cmp.Diff(want[hook][i], got[i]))
			}
		}
	}
	if n := len(want["a"]); n < 24 {
		t.Errorf("only %d events name a hook", n)
	}
	for _, err := range s.OfHook(t.Context(), testID(2), "configure", "a") {
		if !errors.Is(err, phased.ErrNoRun) {
			t.Errorf("of no run: %v", err)
		}
	}
}
