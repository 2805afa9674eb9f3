package fleetcli

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// typed runs a command line that ends by itself, and returns its exit code and
// what it said.
func typed(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), "said"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	code = Main(t.Context(), World{Argv: append([]string{"phased-fleet"}, args...), Stdout: files[0], Stderr: files[1], Version: "test"})
	var said [2]string
	for i, f := range files {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		said[i] = string(text)
	}
	return code, said[0], said[1]
}

// TestTyped: what is typed wrong ends with 2 and says what to do; help is as
// phased's.
func TestTyped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string // patterns
	}{
		{[]string{"help", "serve"}, 0, `^usage: phased serve \[flags\]\n\nShows the runs`, `^$`},
		{[]string{"serve", "--help"}, 0, `^usage: phased serve \[flags\]\n`, `^$`},
		{nil, 0, `phased serve +show the runs`, `^$`},
		{[]string{"serv"}, 2, `^$`, `unknown command "serv"; did you mean serve\?`},
		{[]string{"help", "serv"}, 2, `^$`, `unknown command "serv"; did you mean serve\?`},
		{[]string{"serve", "--lisen", "x"}, 2, `^$`, `^phased: serve: unknown flag --lisen; did you mean --listen\? \(phased help serve lists the flags\)\n$`},
		{[]string{"serve", "now"}, 2, `^$`, `unexpected argument "now"; usage: phased serve \[flags\]`},
		{[]string{"serve", "--listen", "nowhere"}, 2, `^$`, `--listen "nowhere": .*expected an address such as 127\.0\.0\.1:8642`},
		{[]string{"serve", "--listen", ":8642"}, 2, `^$`, `can be reached from elsewhere: that needs --tls-cert FILE, --tls-key FILE and --token-file FILE\.\n.*\n    ssh -L 8642:127\.0\.0\.1:8642 `},
		{[]string{"serve", "--tls-cert", file}, 2, `^$`, `--tls-cert and --tls-key belong together`},
		{[]string{"serve", "--tls-cert", file, "--tls-key", file}, 2, `^$`, `cannot use --tls-cert`},
		{[]string{"serve", "--token-file", file}, 2, `^$`, `token of 5 bytes, expected at least 32: make one by\n    openssl rand -hex 32 > `},
		{[]string{"serve", "--listen", l.Addr().String(), "--token-file", ""}, 2, `^$`, `^phased: serve: --token-file is empty: give it a value, or leave it out\n$`},
		{[]string{"serve", "--listen", l.Addr().String(), "--tls-cert", "", "--tls-key", ""}, 2, `^$`, `--tls-cert is empty`},
		{[]string{"serve", "--listen", ""}, 2, `^$`, `--listen is empty`},
		{[]string{"serve", "--listen", l.Addr().String(), "--host", ""}, 2, `^$`, `--host is empty`},
		{[]string{"serve", "--host", "good.example", "--host", "https://runs.example.org/", "--listen", l.Addr().String()}, 2, `^$`, `--host "https://runs\.example\.org/" is no name: expected one such as runs\.example\.org`},
		{[]string{"serve", "--host", "runs.example.org:8642", "--listen", l.Addr().String()}, 2, `^$`, `is no name`},
		{[]string{"serve", "--host", "::1", "--host", "10.0.0.1", "--state-dir", dir, "--listen", l.Addr().String()}, 2, `^$`, `already in use`},
		{[]string{"serve", "--state-dir", dir, "--listen", l.Addr().String()}, 2, `^$`, `cannot listen at .*address already in use`},
		{[]string{"serve", "--state-dir", file}, 74, `^$`, `it is not a directory`},
	} {
		code, stdout, stderr := typed(t, c.args...)
		if code != c.code || !regexp.MustCompile(c.stdout).MatchString(stdout) || !regexp.MustCompile(c.stderr).MatchString(stderr) {
			t.Errorf("%q: %d\nstdout: %s\nstderr: %s", c.args, code, stdout, stderr)
		}
	}
}

// TestCapsuleCompletesRuns: RUN is one that is on record, not a file.
func TestCapsuleCompletesRuns(t *testing.T) {
	text, err := os.ReadFile("../../testdata/runs/v1-good.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`"run":"(\w+)"`).FindStringSubmatch(string(text))[1]
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "runs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "runs", id+".jsonl"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{""}, "last\n" + id + "\n:4\n"},
		{[]string{id[:4]}, id + "\n:4\n"},
		{[]string{id, ""}, ":4\n"},
	} {
		args := append([]string{"__complete", "capsule", "--state-dir", dir}, c.args...)
		if code, stdout, _ := typed(t, args...); code != 0 || stdout != c.want {
			t.Errorf("%q: %d, %q", args, code, stdout)
		}
	}
}
