package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// A list of names, and the mapping that has more.
func TestSecrets(t *testing.T) {
	for text, want := range map[string]Secrets{
		"secrets: []":                 {Names: []string{}},
		"secrets: ['*_PIN', OS_?]":    {Names: []string{"*_PIN", "OS_?"}},
		"secrets: {}":                 {},
		"secrets: {names: ['*_PIN']}": {Names: []string{"*_PIN"}},
		"secrets:\n  files: [/etc//app/key]\n  patterns: ['AKIA[0-9A-Z]{16}', 'ghp_\\w{36}']\n": {
			Files: []string{"/etc/app/key"}, Patterns: []string{"AKIA[0-9A-Z]{16}", `ghp_\w{36}`},
		},
	} {
		got, err := Parse("f", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got.Secrets); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

// What is wrong is told with its place, and why.
func TestWrongSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"secrets: x":                                    "f:1:10: secrets: expected a list",
		"secrets: {name: [x]}":                          `f:1:11: unknown key "secrets.name" (did you mean "names"?)`,
		"secrets: {names: ['*']}":                       "f:1:19: secrets.names.0: the text \"*\" fits every name",
		"secrets: {files: [key]}":                       "f:1:19: secrets.files.0: expected an absolute path",
		"secrets: {files: [/k, /k]}":                    "f:1:23: secrets.files.1: /k is named twice",
		"secrets:\n  patterns:\n    - 'a['":             "f:3:7: secrets.patterns.0: expected an RE2 expression such as `patterns: ['AKIA[0-9A-Z]{16}']`: not an RE2 expression: missing closing ]: `[`",
		"secrets: {patterns: ['key=.*']}":               ".* has no end; write how often at most, as in {1,64}",
		"secrets: {patterns: ['key=[a-z]{3,}']}":        "[a-z]{3,} has no end; write how often at most, as in {3,64}",
		"secrets: {patterns: ['key=.{6,300}']}":         "may match up to 1204 bytes; 1024 are the most",
		"secrets: {patterns: ['\\bkey[a-z]{6}']}":       "\\b matches a place and no text; leave it out",
		"secrets: {patterns: ['[0-9]{4}']}":             "matches also texts of fewer than 6 bytes",
		"secrets: {patterns: ['abcdef|x']}":             "matches also texts of fewer than 6 bytes",
		"secrets: {patterns: ['(abcdefghi)?']}":         "matches also texts of fewer than 6 bytes",
		"secrets: {patterns: ['((a{100}){100}){100}']}": "not an RE2 expression: invalid repeat count",
	} {
		_, err := Parse("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestReadSecretFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	largest, larger := write("largest", 64<<10), write("larger", 64<<10+1)
	link, fifo := filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.Symlink(largest, link), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSecretFile(largest); err != nil || len(got) != 64<<10 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for path, want := range map[string]string{
		larger: "it is larger than 64 KiB", link: "it is a link", fifo: "it is no regular file", dir: "it is no regular file", dir + "/none": "no such file",
	} {
		if _, err := ReadSecretFile(path); err == nil || !strings.Contains(err.Error(), path+":") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// What the settings, the files and the environment name is known when a run starts.
func TestSecretSet(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("  top-of-the-heap\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Default()
	s.Secrets = Secrets{Names: []string{"*_PIN"}, Files: []string{key, "/none"}, Patterns: []string{"AKIA[0-9A-Z]{16}"}}
	set, err := s.SecretSet([]phased.Text{"A_PIN=123987", "B_TOKEN=hunter22", "HOME=/root-of-all", "ODD", "C_TOKEN=abc"})
	if err == nil || !strings.Contains(err.Error(), "/none") {
		t.Errorf("a file that is not there: %v", err)
	}
	const text = "123987 hunter22 /root-of-all abc top-of-the-heap AKIA0123456789ABCDEF"
	if got, want := set.Clean(text), "[secret] [secret] /root-of-all abc [secret] [secret]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if n := set.Notices(); len(n) != 1 || !strings.Contains(n[0], "C_TOKEN") {
		t.Errorf("notices %q", n)
	}
}
