package devstack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"phased/internal/phased"
)

// environ is an environment in which git has nothing of the caller's.
func environ(root string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + root, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost",
	}
}

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, environ(filepath.Dir(dir))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// repositories makes a repository with a work tree and a bare one of it: branch
// main says main, branch stable/one says one, tag v1 is the first commit, and
// refs/changes/01/1 is in the bare one only. bare/none has no plugin in it.
func repositories(t *testing.T) (root, first string) {
	t.Helper()
	root = tree(t, map[string]string{"work/devstack/settings": "plugin_requires p other\n", "work/version": "first\n", "plain/README": "\n"})
	work := filepath.Join(root, "work")
	commit := func(dir, version string) string {
		write(t, filepath.Join(dir, "version"), version+"\n")
		gitIn(t, dir, "add", ".")
		gitIn(t, dir, "commit", "-q", "-m", version)
		return gitIn(t, dir, "rev-parse", "HEAD")
	}
	gitIn(t, work, "init", "-q", "-b", "main")
	first = commit(work, "first")
	gitIn(t, work, "tag", "v1")
	gitIn(t, work, "checkout", "-q", "-b", "stable/one")
	commit(work, "one")
	gitIn(t, work, "checkout", "-q", "--detach")
	commit(work, "change")
	gitIn(t, work, "update-ref", "refs/changes/01/1", "HEAD")
	gitIn(t, work, "checkout", "-q", "main")
	commit(work, "main")
	gitIn(t, root, "clone", "-q", "--bare", work, "bare")
	gitIn(t, filepath.Join(root, "bare"), "fetch", "-q", work, "refs/changes/01/1:refs/changes/01/1")
	plain := filepath.Join(root, "plain")
	gitIn(t, plain, "init", "-q", "-b", "main")
	commit(plain, "none")
	return root, first
}

// enabled loads a local.conf with one plugin p.
func enabled(t *testing.T, root, words string) phased.Plugin {
	t.Helper()
	c, err := load(t, root, "[[local|localrc]]\nenable_plugin p "+words+"\n")
	if err != nil {
		t.Fatal(err)
	}
	return c.Plugins[0]
}

func version(t *testing.T, p phased.Plugin) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(p.Dir), "version"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// nothingBeside holds the plugin directory to what it should have.
func nothingBeside(t *testing.T, root string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "clones"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the plugin directory has %q, want %q", got, want)
	}
}

func TestFetch(t *testing.T) {
	root, first := repositories(t)
	for name, c := range map[string]struct{ words, want, branch string }{
		"bare":             {"@/bare", "main", "main"},
		"relative":         {"bare", "main", "main"},
		"file URL":         {"file://@/bare", "main", "main"},
		"branch":           {"@/bare stable/one", "one", "stable/one"},
		"default branch":   {"@/bare main", "main", "main"},
		"tag":              {"@/bare v1", "first", ""},
		"commit":           {"@/bare " + first, "first", ""},
		"short commit":     {"@/bare " + first[:8], "first", ""},
		"change":           {"@/bare refs/changes/01/1", "change", ""},
		"without devstack": {"@/plain2 v1", "first", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(c.words, "plain2") {
				gitIn(t, root, "clone", "-q", "work", "plain2")
				gitIn(t, filepath.Join(root, "plain2"), "rm", "-r", "-q", "devstack")
				t.Cleanup(func() { os.RemoveAll(filepath.Join(root, "plain2")) })
			}
			p := enabled(t, root, c.words)
			if !p.Fetch || string(p.Dir) != root+"/clones/p" || p.Requires != nil {
				t.Fatalf("%+v, want it to be fetched", p)
			}
			got, warnings, err := Fetch(t.Context(), p, environ(root))
			if err != nil || len(warnings) != 0 {
				t.Fatal(err, warnings)
			}
			t.Cleanup(func() { os.RemoveAll(root + "/clones") })
			if v := version(t, got); v != c.want || got.Fetch || strings.Join(got.Requires, " ") != "other" {
				t.Errorf("version %s of %+v, want %s, and that it requires other", v, got, c.want)
			}
			if branch := gitIn(t, string(got.Dir), "branch", "--show-current"); branch != c.branch {
				t.Errorf("it is on branch %q, want %q", branch, c.branch)
			}
			nothingBeside(t, root, "p")

			// The next run finds it, at its ref, and leaves it alone.
			again := enabled(t, root, c.words)
			if again.Fetch || strings.Join(again.Requires, " ") != "other" {
				t.Errorf("%+v, want it to be there", again)
			}
			if _, _, err := Fetch(t.Context(), again, environ(root)); err != nil {
				t.Errorf("what was fetched is refused: %v", err)
			}
		})
	}
}

func TestFetchFails(t *testing.T) {
	root, _ := repositories(t)
	for name, c := range map[string]struct{ words, want string }{
		"no such ref":      {"@/bare v9", "has no branch, tag or commit v9"},
		"no such commit":   {"@/bare 0123456789abcdef", "has no branch, tag or commit 0123456789abcdef"},
		"no such change":   {"@/bare refs/changes/02/2", "git fetch: exit status 128: fatal: couldn't find remote ref refs/changes/02/2"},
		"no plugin":        {"file://@/plain/.git", "holds no devstack/ at its default branch: expected a plugin"},
		"no repository":    {"file://@/none", "holds"},
		"program as URL":   {"'ext::touch @/pwned'", "transport 'ext' not allowed"},
		"host as option":   {"'-oProxyCommand=touch @/pwned:x'", "begins with -"},
		"host as option 2": {"'ssh://-oProxyCommand=touch%20pwned/x'", "the URL cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := load(t, root, "[[local|localrc]]\nenable_plugin p "+c.words+"\n")
			if err == nil {
				_, _, err = Fetch(t.Context(), conf.Plugins[0], environ(root))
			} else if name == "no repository" {
				return // found out before anything runs
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if _, err := os.Stat(root + "/pwned"); err == nil {
				t.Error("the source was run as a program")
			}
			nothingBeside(t, root)
		})
	}
}

// TestVerify: a directory that is there is never changed, and must be at its ref.
func TestVerify(t *testing.T) {
	root, first := repositories(t)
	work := filepath.Join(root, "work")
	for name, c := range map[string]struct{ at, ref, want string }{
		"no ref":        {at: "main"},
		"branch":        {at: "main", ref: "main"},
		"tag":           {at: "v1", ref: "v1"},
		"commit":        {at: "v1", ref: first},
		"same commit":   {at: first, ref: "v1"},
		"other branch":  {at: "main", ref: "stable/one", want: "of branch main, and line 2 of the local.conf asks for stable/one (commit "},
		"other commit":  {at: "v1", ref: "main", want: "is at commit " + first[:12] + ", and line 2 of the local.conf asks for main"},
		"unknown":       {at: "main", ref: "v9", want: "knows no v9, which line 2 of the local.conf asks for"},
		"no expression": {at: "v1", ref: "main", want: "(git -C " + work + " checkout main)"},
	} {
		t.Run(name, func(t *testing.T) {
			gitIn(t, work, "checkout", "-q", c.at)
			head := gitIn(t, work, "rev-parse", "HEAD")
			p := enabled(t, root, "@/work "+c.ref)
			if p.Fetch || string(p.Dir) != work {
				t.Fatalf("%+v, want it in place", p)
			}
			_, _, err := Fetch(t.Context(), p, environ(root))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if now := gitIn(t, work, "rev-parse", "HEAD"); now != head {
				t.Error("the work tree was changed")
			}
		})
	}
	write(t, root+"/tree/devstack/settings", "")
	_, _, err := Fetch(t.Context(), enabled(t, root, "@/tree v1"), environ(root))
	if err == nil || !strings.Contains(err.Error(), "is to be at v1, which cannot be verified") {
		t.Errorf("a directory that is no repository: %v", err)
	}
}

// TestLocalWork: work on top of the branch that is asked for is at its ref.
func TestLocalWork(t *testing.T) {
	root, _ := repositories(t)
	p, _, err := Fetch(t.Context(), enabled(t, root, "@/bare stable/one"), environ(root))
	if err != nil {
		t.Fatal(err)
	}
	write(t, string(p.Dir)+"/version", "mine\n")
	gitIn(t, string(p.Dir), "commit", "-q", "-a", "-m", "mine")
	if _, _, err := Fetch(t.Context(), enabled(t, root, "@/bare stable/one"), environ(root)); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func TestCloneInTheWay(t *testing.T) {
	root, _ := repositories(t)
	write(t, root+"/clones/p/notes", "mine")
	_, err := load(t, root, "[[local|localrc]]\nenable_plugin p @/bare\n")
	if err == nil || !strings.Contains(err.Error(), "is there and holds no devstack/: move it away") {
		t.Errorf("error %v", err)
	}
}

// TestGitSurroundings: a caller that is a git hook has variables that name its
// repository; a clone must not go there. Nothing is asked on a terminal.
func TestGitSurroundings(t *testing.T) {
	root, _ := repositories(t)
	work := filepath.Join(root, "work")
	env := append(environ(root), "GIT_DIR="+work+"/.git", "GIT_WORK_TREE="+work, "GIT_INDEX_FILE="+root+"/index", "GIT_TERMINAL_PROMPT=1")
	before := gitIn(t, work, "rev-parse", "HEAD")
	p, _, err := Fetch(t.Context(), enabled(t, root, "@/bare stable/one"), env)
	if err != nil || version(t, p) != "one" {
		t.Fatal(err)
	}
	if after := gitIn(t, work, "rev-parse", "HEAD"); after != before {
		t.Error("the caller's repository was changed")
	}
	said := strings.Join(newGit(env).env, "\n") + "\n"
	if !strings.Contains(said, "GIT_TERMINAL_PROMPT=0\n") || strings.Contains(said, "GIT_TERMINAL_PROMPT=1") {
		t.Errorf("environment of git:\n%s", said)
	}
}

// TestFetchAtOnce: of many that fetch the same plugin at once, one clones it.
func TestFetchAtOnce(t *testing.T) {
	root, _ := repositories(t)
	p := enabled(t, root, "@/bare stable/one")
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, _, err := Fetch(t.Context(), p, environ(root)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if v := version(t, p); v != "one" {
		t.Errorf("version %s", v)
	}
	nothingBeside(t, root, "p")
}

// TestKilledClone: what a clone that was killed has left is removed, once its
// git has ended.
func TestKilledClone(t *testing.T) {
	root, _ := repositories(t)
	p := enabled(t, root, "@/bare")
	left := root + "/clones/.p.phased"
	write(t, left+"/half", "")
	held, err := os.Open(left)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("the test's limit"))
	defer cancel()
	if _, _, err := Fetch(ctx, p, environ(root)); err == nil || !strings.Contains(err.Error(), "waiting for another phased that clones it: the test's limit") {
		t.Errorf("with the lock held: %v", err)
	}
	if _, err := os.Stat(left + "/half"); err != nil {
		t.Error("a clone that goes on was removed")
	}
	held.Close()
	if _, _, err := Fetch(t.Context(), p, environ(root)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(string(p.Dir) + "/half"); err == nil {
		t.Error("what was left has become part of the plugin")
	}
	nothingBeside(t, root, "p")
}

// TestStoppedClone: a git that hangs is killed with all that it started, and
// leaves nothing.
func TestStoppedClone(t *testing.T) {
	root, _ := repositories(t)
	write(t, root+"/ssh", "#!/bin/sh\necho $$ >"+root+"/pid.new\nmv "+root+"/pid.new "+root+"/pid\nexec sleep 1000\n")
	if err := os.Chmod(root+"/ssh", 0o755); err != nil {
		t.Fatal(err)
	}
	p := enabled(t, root, "localhost:x.git")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := Fetch(ctx, p, append(environ(root), "GIT_SSH="+root+"/ssh"))
		ended <- err
	}()
	pid := 0
	for end := time.Now().Add(time.Minute); pid == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(root + "/pid")
		if err == nil {
			for _, c := range strings.TrimSpace(string(text)) {
				pid = pid*10 + int(c-'0')
			}
		}
	}
	if pid == 0 {
		t.Fatal("git has not started ssh")
	}
	cancel(errors.New("stopped by the test"))
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "git clone was stopped: stopped by the test") {
		t.Errorf("error %v", err)
	}
	for end := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what git had started runs on")
		}
	}
	nothingBeside(t, root)
}

func TestNoGit(t *testing.T) {
	root, _ := repositories(t)
	p := enabled(t, root, "@/bare")
	t.Setenv("PATH", root)
	if _, _, err := Fetch(t.Context(), p, environ(root)); err == nil || !strings.Contains(err.Error(), "git is not on PATH: install it") {
		t.Errorf("error %v", err)
	}
	nothingBeside(t, root)
}
