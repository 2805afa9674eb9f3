package compat_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// commandLine is a random command line of os-refresh-config, most of them wrong
// in some way.
func commandLine(r *rand.Rand) []string {
	words := []string{
		"-h", "--help", "--hel", "-hh", "-hx", "-h=x", "--help=x", "--print-base", "--print-phases", "--print", "--print-p", "--print-b",
		"--print-base=1", "--log-level", "--log", "--log-level=DEBUG", "--log=WARN", "--lo", "--l", "--log-level=debug", "--log-level=",
		"--lockfile", "--lock=lk", "--lockfile=", "--lockfile=lk", "--timeout", "--timeout=5", "--time=+5", "--timeout=-5", "--t=7",
		"--timeout= 5 ", "--timeout=1_000", "--timeout=1__0", "--timeout=_1", "--timeout=0x10", "--timeout=1.5", "--timeout=", "--timeout=007",
		"--timeout=\u0663", "--timeout=5\u00a0", "--timeout=\xff", "--timeout=it's", "--timeout=it's \"x\"", "--timeout=\n", "--timeout=\\",
		"--timeout=\u200b", "--timeout=1e3",
		"--", "-", "", " ", "x", "configure", "-t", "-5", "-1.5", "-.5", "-5.", "-5x", "-a b", "--a b", "--bogus", "--bogus=1", "-x", "--=", "--é", "-é",
		"DEBUG", "INFO", "ERROR", "lk", "5", "-7", "--timeou t", "---", "--help --",
	}
	argv := make([]string, 1+r.IntN(4))
	for i := range argv {
		argv[i] = pick(r, words...)
	}
	return argv
}

// Flags, prefixes, errors, help at every width: as Python's argparse.
func TestCommandLineAsTheOriginal(t *testing.T) {
	phased, original := static(t), originals(t)
	eachSample(t, func(t *testing.T, r *rand.Rand, dir string) {
		argv := append([]string{"os-refresh-config"}, commandLine(r)...)
		if strings.Contains(strings.Join(argv, "\x00"), "--lockfile=--\x00") {
			return
		}
		argv = append(argv, pick(r, [][]string{nil, {"--lockfile", "lk"}, {"--lockfile=lk"}}...)...)
		if !strings.Contains(strings.Join(argv, " "), "lk") {
			argv = append([]string{argv[0], "--lockfile=lk"}, argv[1:]...)
		}
		env := []string{"OS_REFRESH_CONFIG_BASE_DIR=b\u00e4se"}
		if r.IntN(2) == 0 {
			env = append(env, "COLUMNS="+pick(r, "80", "", "x", "0", "-3", " 90 ", strconv.Itoa(1+r.IntN(200))))
		}
		want, got := call(t, original, dir, env, argv...), call(t, phased, dir, env, argv...)
		if strings.HasPrefix(want.Err, "Traceback") {
			return // a crash is nothing to follow
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q %q (-original +phased):\n%s", env, argv, d)
		}
	})
}
