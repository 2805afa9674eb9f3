package space_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"phased/internal/redact"
	"phased/internal/space"
)

// rounds runs a script in a shell that has the generated base, which is to print
// microseconds, a line each of as many figures as there are names.
func rounds(b *testing.B, script string, figures int) [][]float64 {
	b.Helper()
	base, err := filepath.Abs("testdata/base.sh")
	if err != nil {
		b.Fatal(err)
	}
	out := shell(b, space.DumpFunction+". "+base+"\n"+script)
	all := make([][]float64, figures)
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != figures {
			b.Fatalf("bash said: %s", line)
		}
		for i, s := range f {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				b.Fatal(err)
			}
			all[i] = append(all[i], v/1000)
		}
	}
	return all
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}

// ratios are taken within a round, so that a machine that gets slower meanwhile
// does not count.
func ratios(a, b []float64) []float64 {
	var r []float64
	for i := range a {
		r = append(r, a[i]/b[i])
	}
	return r
}

const lap = `lap() { printf -v "$1" %s "$(( ${EPOCHREALTIME/./} - $2 ))"; }
`

// BenchmarkSnapshot compares a snapshot with its diff to declare -p; declare -f
// into a file, in the same bash, turn by turn.
func BenchmarkSnapshot(b *testing.B) {
	dir := b.TempDir()
	n := max(b.N, 15)
	script := lap + "for r in {1.." + strconv.Itoa(n) + `}; do
t=${EPOCHREALTIME/./}; { declare -p; declare -f; } >|` + dir + `/floor; lap plain $t
t=${EPOCHREALTIME/./}; ` + space.Snapshot(dir+"/space$((r % 2))", "p", "h", "", false) + ` lap whole $t
V$r=$r; eval "SVC_1_NEW$r=$r; svc_change() { echo $r; }; SVC_2_PORT=$r"
echo "$plain $whole"
done
`
	script = strings.Replace(script, "V$r=$r; ", "", 1)
	got := rounds(b, script, 2)
	set := redact.NewSet(redact.DefaultNames())
	var read []float64
	was, is := readFile(b, dir+"/space0"), readFile(b, dir+"/space1")
	before, err := space.Parse(was)
	if err != nil {
		b.Fatal(err)
	}
	for range n {
		start := time.Now()
		after, err := space.Parse(is)
		if err != nil {
			b.Fatal(err)
		}
		if len(space.Diff(before, after, set)) == 0 {
			b.Fatal("no change")
		}
		read = append(read, float64(time.Since(start).Microseconds())/1000)
	}
	whole := slices.Clone(got[1])
	for i := range whole {
		whole[i] += read[i]
	}
	b.ReportMetric(median(got[0]), "floor-ms")
	b.ReportMetric(median(got[1]), "dump-ms")
	b.ReportMetric(median(read), "parse+diff-ms")
	b.ReportMetric(median(ratios(whole, got[0])), "x-floor")
}

// BenchmarkRestore compares restoring in a new bash, from its start to its end
// less that of a bash that does nothing, to declare -p; declare -f in the old one.
func BenchmarkRestore(b *testing.B) {
	dir := b.TempDir()
	n := max(b.N, 15)
	got := rounds(b, lap+space.Snapshot(dir+"/space", "p", "h", "", false)+`
for (( r = 0; r < `+strconv.Itoa(n)+`; r++ )); do t=${EPOCHREALTIME/./}; { declare -p; declare -f; } >|`+dir+`/floor; lap plain $t; echo $plain; done`, 1)
	s, err := space.Parse(readFile(b, dir+"/space"))
	if err != nil {
		b.Fatal(err)
	}
	var made, restored []float64
	for range n {
		start := time.Now()
		global, _, lost := space.Restore(s)
		if len(lost) > 0 {
			b.Fatal(lost)
		}
		made = append(made, float64(time.Since(start).Microseconds())/1000)
		if err := os.WriteFile(dir+"/restore", global, 0o600); err != nil {
			b.Fatal(err)
		}
		out := shell(b, "t=${EPOCHREALTIME/./}; __phased_t=$t; . "+dir+"/restore; echo $(( ${EPOCHREALTIME/./} - __phased_t ))")
		v, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
		if err != nil {
			b.Fatal(out)
		}
		restored = append(restored, v/1000)
	}
	whole := slices.Clone(restored)
	for i := range whole {
		whole[i] += made[i]
	}
	b.ReportMetric(median(got[0]), "floor-ms")
	b.ReportMetric(median(made), "make-ms")
	b.ReportMetric(median(restored), "source-ms")
	b.ReportMetric(median(ratios(whole, got[0])), "x-floor")
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
