package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const page = "../../docs/settings.md"

// tableKeys returns the keys of the first column of the table whose header
// begins so, and demands that every row is full.
func tableKeys(t *testing.T, text, header string) []string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n| "+header+" |")
	if !found {
		t.Fatalf("%s has no table %q", page, header)
	}
	var keys []string
	for i, line := range strings.Split(rest, "\n") {
		if i < 2 {
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		m := regexp.MustCompile("^\\| `([a-z.-]+)` \\| ([^|]+) \\| ([^|]+) \\|").FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s: a row without key, type and default: %s", page, line)
		}
		keys = append(keys, m[1])
	}
	sort.Strings(keys)
	return keys
}

func fieldKeys(prefix string, fields []field) []string {
	var keys []string
	for _, f := range fields {
		keys = append(keys, prefix+f.key)
	}
	return keys
}

// The page has every key that the settings know, and no other.
func TestPageHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	d := &decoder{}
	top := fieldKeys("", d.topFields(&Settings{}))
	top = append(top, fieldKeys("retention.", d.retentionFields(&Retention{}))...)
	top = append(top, fieldKeys("personalities.", d.personalityFields(&Personalities{}))...)
	top = append(top, fieldKeys("secrets.", d.secretFields(&Secrets{}))...)
	top = append(top, fieldKeys("carry.", d.carryFields(&Settings{}))...)
	for header, known := range map[string][]string{
		"key":                top,
		"key of a lifecycle": fieldKeys("", d.lifecycleFields(&Lifecycle{})),
		"key of a phase":     fieldKeys("", d.phaseFields(&Phase{})),
	} {
		known = slices.Clone(known)
		sort.Strings(known)
		if diff := cmp.Diff(known, tableKeys(t, text, header)); diff != "" {
			t.Errorf("%s, table %q (-known +page):\n%s", page, header, diff)
		}
	}
}

// Settings that other pages show can be read.
func TestYAMLOfOtherPages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range pages {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
			seen++
			if _, err := Parse(p, []byte(b[1])); err != nil {
				t.Errorf("%v\nin\n%s", err, b[1])
			}
		}
	}
	if seen < 7 {
		t.Errorf("found only %d blocks of YAML", seen)
	}
}

// The page's YAML can be read, and its defaults are the defaults.
func TestPageYAML(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	if len(blocks) != 3 {
		t.Fatalf("%s has %d blocks of YAML, want two examples and the defaults", page, len(blocks))
	}
	if sourced, err := Parse(page, []byte(blocks[0][1])); err != nil || len(sourced.Lifecycles["site"].Phases) != 6 {
		t.Errorf("the example of sourced hooks: %+v, %v", sourced, err)
	}
	example, err := Parse(page, []byte(blocks[1][1]))
	if err != nil {
		t.Fatal(err)
	}
	if len(example.Lifecycles) != 3 || len(example.Lifecycles["deploy"].Phases) != 3 {
		t.Errorf("the example has %+v", example.Lifecycles)
	}
	got, err := Parse("", []byte(blocks[2][1]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, cmpopts.IgnoreUnexported(Settings{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the defaults of the page (-are +page):\n%s", diff)
	}
	for _, key := range fieldKeys("", (&decoder{}).topFields(&Settings{})) {
		if key != "state-dir" && got.Line(key) == 0 {
			t.Errorf("the defaults of the page lack %s", key)
		}
	}
}
