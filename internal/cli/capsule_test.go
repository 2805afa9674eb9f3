package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestCapsulePlace(t *testing.T) {
	for line, want := range map[string]struct {
		output string
		force  bool
		rest   string
	}{
		"capsule -o run.html":                      {"run.html", false, "capsule -o -"},
		"capsule -2 --output run.html --force":     {"run.html", true, "capsule -2 -o -"},
		"capsule --output=a=b last":                {"a=b", false, "capsule last -o -"},
		"capsule -orun.html --output-limit 1MiB":   {"run.html", false, "capsule --output-limit 1MiB -o -"},
		"capsule -o=run.html":                      {"run.html", false, "capsule -o -"},
		"capsule -o - 01":                          {"-", false, "capsule 01 -o -"},
		"capsule":                                  {"", false, "capsule -o -"},
		"capsule -o a -o b -- -o":                  {"b", false, "capsule -o - -- -o"},
		"capsule --output-limit=2KiB -o run.html":  {"run.html", false, "capsule --output-limit=2KiB -o -"},
		"capsule --output-limit 0 --output x last": {"x", false, "capsule --output-limit 0 last -o -"},
	} {
		output, force, rest := capsulePlace(strings.Fields(line))
		if output != want.output || force != want.force || !slices.Equal(rest, strings.Fields(want.rest)) {
			t.Errorf("%s: %q, %t, %q", line, output, force, rest)
		}
	}
}
