package plan

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"phased/internal/phased"
)

// sortN sorts by the real sort, names ending in NUL so that they may hold newlines.
func sortN(t rapid.TB, names []string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("sort", append([]string{"-z"}, args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	var in bytes.Buffer
	for _, n := range names {
		in.WriteString(n + "\x00")
	}
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// The order that docs/upstream.md observed.
func TestNumericOrder(t *testing.T) {
	want := []string{
		"-10-x", "-5-x", "-", "--5", "-0", "0-x", "00-x", "ABC", "_x", "abc", "1-B", "1-_", "1-a", "1.10", "1.5", "1_a",
		"1e3", "2", "007-z", "07-b", "7-a", "10", "99999999999999999999", "100000000000000000000",
	}
	// 1.10 and 1.5 are larger than 1: a fraction counts, by value.
	want = slices.DeleteFunc(want, func(s string) bool { return strings.Contains(s, ".") })
	i := slices.Index(want, "2")
	want = slices.Insert(want, i, "1.10", "1.5")
	got := slices.Clone(want)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	Sort(phased.Numeric, got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(sortN(t, want, "-n"), want); diff != "" {
		t.Errorf("the real sort disagrees (-sort +want):\n%s", diff)
	}
}

func TestGlobOrder(t *testing.T) {
	names := []string{"2", "10", "-", "_", "a", "B", "1-a", "1_a", "1.5", "é", "\xff", "a\nb", "a b", "007"}
	got := slices.Clone(names)
	Sort(phased.Glob, got)
	if diff := cmp.Diff(sortN(t, names), got); diff != "" {
		t.Errorf("order (-sort +got):\n%s", diff)
	}
	if !Less(phased.Glob, "10", "2") || Less(phased.Glob, "2", "10") || Less(phased.Glob, "a", "a") {
		t.Error("the glob order is not bytewise")
	}
}

// numberish names are those in which sort -n finds numbers in odd places.
func numberish(r *rand.Rand) string {
	parts := []string{"0", "0", "00", "1", "2", "9", "10", "123456789012345678901234567890", "-", "-", ".", ".", ",", " ", "\t", "\n", "+", "e", "x", "a", "B", "_", "\xff", "é"}
	name := ""
	for range 1 + r.IntN(7) {
		name += parts[r.IntN(len(parts))]
	}
	return name
}

// Thousands of names come in the order of the real `sort -n`.
func TestAgainstTheRealSort(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 3))
	for range rounds(t, 20) {
		names := make([]string, 1000)
		for i := range names {
			if names[i] = numberish(r); i%2 == 0 {
				names[i] = randomName(r)
			}
		}
		for order, args := range map[phased.Order][]string{phased.Numeric: {"-n"}, phased.Glob: nil} {
			got := slices.Clone(names)
			Sort(order, got)
			if diff := cmp.Diff(sortN(t, names, args...), got); diff != "" {
				t.Fatalf("%s order (-sort +got):\n%s", order, diff)
			}
			// Less says the same as Sort.
			if !slices.IsSortedFunc(got, func(a, b string) int {
				if Less(order, a, b) {
					return -1
				}
				return 1 - boolInt(a == b)
			}) {
				t.Fatalf("%s order: Less disagrees with Sort", order)
			}
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Less is a strict weak order, and a total one: only equal names tie.
func TestLessIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.StringMatching(`[ \t\n]?-?[0-9]{0,3}(\.[0-9]{0,3})?[-a-zA-B.]{0,2}`),
			rapid.StringMatching(`-?0{0,3}[0-9]{0,2}[-_a]?`),
			rapid.String(),
		)
		order := rapid.SampledFrom([]phased.Order{phased.Numeric, phased.Glob}).Draw(t, "order")
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		ab, ba := Less(order, a, b), Less(order, b, a)
		if ab && ba {
			t.Fatalf("%q and %q are both less", a, b)
		}
		if ab == ba && a != b {
			t.Fatalf("%q and %q tie", a, b)
		}
		if Less(order, a, a) {
			t.Fatalf("%q is less than itself", a)
		}
		if ab && Less(order, b, c) && !Less(order, a, c) {
			t.Fatalf("not transitive: %q, %q, %q", a, b, c)
		}
	})
}

func TestNumbers(t *testing.T) {
	for name, want := range map[string]string{
		"10-a": "10", "007-z": "007", "-5x": "-5", "-": "", "--5": "", "abc": "", "": "", "-0": "-0", "1e3": "1", "0x10": "0",
		"+5": "", "1.10": "1.10", "1.": "1", "1.a": "1", ".5": ".5", "-.5": "-.5", ".": "", "-.": "", " 7": "7", "\n\t8": "8", "9 ": "9",
		"99999999999999999999-x": "99999999999999999999", "1,000": "1", "1..5": "1",
	} {
		if got := number(name); got != want {
			t.Errorf("number(%q) = %q, want %q", name, got, want)
		}
	}
}

// Two names stand in the order of the real sort, whatever their bytes.
func FuzzOrder(f *testing.F) {
	for _, s := range []string{"10-a", "-5.50", "007", "--5", "-0", " 1", "1e3", "\xff", "99999999999999999999", ".5", "-.05"} {
		f.Add(s, "7")
		f.Add("10-B", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b} {
			// coreutils 9.1 takes the byte 0x80 for a thousands separator, by mistake.
			if s == "" || strings.ContainsAny(s, "\x00") || strings.Contains(s, "\x80") {
				return
			}
			if v, why := nameVerdict(s, nil); (v == phased.VerdictRun) != (strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == "") || (v == phased.VerdictRun) != (why == "") {
				t.Fatalf("name %q: %s, %q", s, v, why)
			}
		}
		got := []string{a, b}
		Sort(phased.Numeric, got)
		if diff := cmp.Diff(sortN(t, []string{a, b}, "-n"), got); diff != "" {
			t.Fatalf("order (-sort +got):\n%s", diff)
		}
	})
}
