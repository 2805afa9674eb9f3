package compat_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// collector is a directory from which os-collect-config gets its metadata, and
// hooks that read it.
type collector struct {
	t   *testing.T
	dir string
	tg  target
}

// metadataHook tells which file it is given, and what is in that.
const metadataHook = `#!/bin/bash
echo "$(basename "$0") reads $(basename "$OS_CONFIG_FILES")" >&2
[[ $OS_CONFIG_FILES == "$CACHE"/* ]] || echo "and it is none of the cache: $OS_CONFIG_FILES" >&2
python3 -c 'import json, sys; print("port", json.load(open(sys.argv[1]))["port"])' "$OS_CONFIG_FILES"
echo "${0##*/}" >>"$RAN"
`

func newCollector(t *testing.T, tg target) *collector {
	t.Helper()
	c := &collector{t, shared(t), tg}
	for name, text := range map[string]string{
		"base/pre-configure.d/10-first": metadataHook,
		"base/configure.d/20-second":    metadataHook,
		"base/configure.d/30-third":     metadataHook,
		"base/migration.d/40-port":      "#!/bin/sh\n! grep -q 666 \"$OS_CONFIG_FILES\"\n",
		"base/migration.d/50-last":      metadataHook,
	} {
		path := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.metadata(8080)
	return c
}

// metadata says what there is to collect.
func (c *collector) metadata(port int) {
	c.t.Helper()
	dir := filepath.Join(c.dir, "metadata")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app.json"), fmt.Appendf(nil, `{"port": %d}`, port), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// collect lets os-collect-config collect once, and returns what it exits with,
// what it printed, and which hooks ran.
func (c *collector) collect() (code int, out string, ran []string) {
	c.t.Helper()
	at := func(name string) string { return filepath.Join(c.dir, name) }
	_ = os.Remove(at("ran"))
	cmd := exec.Command("/usr/bin/os-collect-config", "--one-time", "--local-path", at("metadata"), "--cachedir", at("cache"), "--backup-cachedir", at("backup"),
		"--command", filepath.Join(c.tg.bin, "os-refresh-config")+" --lockfile "+at("lock"), "local")
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "PATH="+c.tg.bin+":/usr/sbin:/usr/bin:/sbin:/bin", "OS_REFRESH_CONFIG_BASE_DIR="+at("base"),
		"PHASED_STATE_DIR="+at("state"), "CACHE="+at("cache"), "RAN="+at("ran"), "TZ=UTC", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0")
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		c.t.Fatal(err)
	}
	text, err := os.ReadFile(at("ran"))
	if err == nil {
		ran = strings.Fields(string(text))
	}
	return code, c.timeless(printed.String()), ran
}

// timeless takes out of a text what no two runs have in common.
func (c *collector) timeless(text string) string {
	text = strings.NewReplacer(c.dir, "$DIR", c.tg.bin, "$BIN").Replace(text)
	for _, r := range [][2]string{
		{`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{3}`, "TIME"},
		{`\w{3} \w{3} +\d+ \d\d:\d\d:\d\d UTC 20\d\d`, "DATE"},
		{` \d+\.\d{3}\b`, " SECONDS"},
		{`TIME \d+ `, "TIME PID "},
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return text
}

// TestOsCollectConfig lets Debian's os-collect-config start os-refresh-config on
// changed metadata: phased's does as the original, and is on record.
func TestOsCollectConfig(t *testing.T) {
	if _, err := os.Stat("/usr/bin/os-collect-config"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("os-collect-config is not there: install python3-os-collect-config")
		}
		t.Skip("os-collect-config is not there: install python3-os-collect-config (CI=true makes this a failure)")
	}
	all := []string{"10-first", "20-second", "30-third", "50-last"}
	steps := []struct {
		name string
		port int // the metadata
		code int
		ran  []string
	}{
		{"the first time the hooks run", 8080, 0, all},
		{"unchanged metadata starts nothing", 8080, 0, nil},
		{"changed metadata starts them again", 8081, 0, all},
		{"a hook that fails is told", 666, 1, all[:3]},
		{"and tried again the next time", 666, 1, all[:3]},
		{"until it is mended", 8082, 0, all},
	}
	original, phased := newCollector(t, originals(t)), newCollector(t, static(t))
	runs := 0
	for _, step := range steps {
		var printed [2]string
		for i, c := range []*collector{original, phased} {
			c.metadata(step.port)
			code, out, ran := c.collect()
			printed[i] = out
			if code != step.code {
				t.Errorf("%s, %s: os-collect-config exits with %d, want %d\n%s", step.name, c.tg.name, code, step.code, out)
			}
			if diff := cmp.Diff(step.ran, ran); diff != "" {
				t.Errorf("%s, %s: hooks (-want +got):\n%s", step.name, c.tg.name, diff)
			}
			if len(step.ran) > 0 && !strings.Contains(out, fmt.Sprintf("port %d\n", step.port)) {
				t.Errorf("%s, %s: the hooks have not read port %d\n%s", step.name, c.tg.name, step.port, out)
			}
		}
		if diff := cmp.Diff(printed[0], printed[1]); diff != "" {
			t.Errorf("%s: output (-original +phased):\n%s", step.name, diff)
		}
		if step.ran != nil {
			runs++
		}
	}
	phased.recorded(runs)
}

// recorded wants so many runs on record, and that they say who started them.
func (c *collector) recorded(want int) {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, "state/runs/*.jsonl"))
	if err != nil || len(files) != want {
		c.t.Fatalf("%d runs on record, want %d (%v)", len(files), want, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			c.t.Fatal(err)
		}
		first, _, _ := bytes.Cut(text, []byte("\n"))
		if !regexp.MustCompile(`"personality":"os-refresh-config".*"caller":\{"pid":\d+,"command":"os-collect-conf"\}`).Match(first) {
			c.t.Errorf("the record does not say who has started it: %s", first)
		}
	}
	cmd := exec.Command(filepath.Join(c.tg.bin, "phased"), "show", "last")
	cmd.Env = append(os.Environ(), "PHASED_STATE_DIR="+filepath.Join(c.dir, "state"))
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(`, called by os-collect-conf \(process \d+\)\n`).Match(out) {
		c.t.Errorf("phased show: %v\n%s", err, out)
	}
}
