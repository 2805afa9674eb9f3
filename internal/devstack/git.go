package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"phased/internal/phased"
)

// git runs git. It gets no terminal, so that nothing can ask for a password.
type git struct {
	env  []string
	hold *os.File // held by git while it runs
}

func newGit(environ []string) git {
	g := git{}
	asks := false
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		// These say which repository is meant: a caller that is a git hook has them.
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
			"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_QUARANTINE_PATH":
		case "GIT_TERMINAL_PROMPT", "SSH_ASKPASS_REQUIRE", "LC_ALL", "LANGUAGE":
		case "GIT_ASKPASS": // a program that answers without a terminal may stay
			asks = true
			g.env = append(g.env, e)
		default:
			g.env = append(g.env, e)
		}
	}
	g.env = append(g.env, "GIT_TERMINAL_PROMPT=0", "SSH_ASKPASS_REQUIRE=never", "LC_ALL=C")
	if !asks {
		g.env = append(g.env, "GIT_ASKPASS=")
	}
	return g
}

// run runs git in a directory and returns what it prints. A cancelled context
// kills it and its helpers.
func (g git) run(ctx context.Context, dir string, args ...string) (string, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return "", errors.New("git is not on PATH: install it, or clone the plugin by hand and name its directory")
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, g.env
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if g.hold != nil {
		cmd.ExtraFiles = []*os.File{g.hold}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("git %s was stopped: %w", args[0], context.Cause(ctx))
		}
		return "", fmt.Errorf("git %s: %v%s", args[0], err, tail(complaints.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// tail is the end of what git complained about, in one line.
func tail(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\n' || c == '\r' }), "; ")
	if s == "" {
		return ""
	}
	return ": " + s[max(0, len(s)-1000):]
}

// commit returns the commit that a name stands for; "" where it stands for none.
func (g git) commit(ctx context.Context, dir, name string) string {
	id, err := g.run(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return ""
	}
	return id
}

// candidates are the names that a ref of a local.conf has in a clone.
func candidates(ref string) []string {
	if rest, found := strings.CutPrefix(ref, "refs/"); found {
		return []string{"refs/phased/" + rest, ref}
	}
	names := []string{"refs/remotes/origin/" + ref, "refs/tags/" + ref, "refs/heads/" + ref}
	if isCommit(ref) {
		names = append(names, ref)
	}
	return names
}

// isCommit says that s may be the id of a commit, or the beginning of one.
func isCommit(s string) bool {
	return len(s) >= 4 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// checkout takes the plugin's ref in a fresh clone: a branch, a tag or a commit,
// or refs/..., which a clone does not bring and that is fetched first.
func (g git) checkout(ctx context.Context, dir string, p phased.Plugin) error {
	if rest, found := strings.CutPrefix(p.Ref, "refs/"); found {
		if _, err := g.run(ctx, dir, "fetch", "--quiet", "origin", "+"+p.Ref+":refs/phased/"+rest); err != nil {
			return err
		}
	}
	if g.commit(ctx, dir, "refs/remotes/origin/"+p.Ref) != "" {
		_, err := g.run(ctx, dir, "checkout", "--quiet", "-B", p.Ref, "--track", "refs/remotes/origin/"+p.Ref, "--")
		return err
	}
	for _, name := range candidates(p.Ref) {
		if id := g.commit(ctx, dir, name); id != "" {
			_, err := g.run(ctx, dir, "checkout", "--quiet", "--detach", id, "--")
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%s has no branch, tag or commit %s", p.Source, p.Ref)
}

// verify holds a directory that is there to the ref that the local.conf asks
// for. It changes nothing: what somebody works on is left alone.
func (g git) verify(ctx context.Context, p phased.Plugin) error {
	dir := string(p.Dir)
	if !isDir(filepath.Join(dir, "devstack")) {
		return fmt.Errorf("%s holds no devstack/: expected a plugin", dir)
	}
	if p.Ref == "" {
		return nil
	}
	head, err := g.run(ctx, dir, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return fmt.Errorf("%s is to be at %s, which cannot be verified: %w", dir, p.Ref, err)
	}
	branch, err := g.run(ctx, dir, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err == nil && branch == p.Ref {
		return nil
	}
	at := "commit " + short(head)
	if err == nil {
		at += " of branch " + branch
	}
	found := ""
	for _, name := range candidates(p.Ref) {
		if id := g.commit(ctx, dir, name); id == head {
			return nil
		} else if found == "" {
			found = id
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if found == "" {
		return fmt.Errorf("%s is at %s and knows no %s, which line %d of the local.conf asks for: fetch it there (git -C %s fetch), or move the directory away to have it cloned again",
			dir, at, p.Ref, p.Line, dir)
	}
	return fmt.Errorf("%s is at %s, and line %d of the local.conf asks for %s (commit %s): check it out there (git -C %s checkout %s), or move the directory away to have it cloned again",
		dir, at, p.Line, p.Ref, short(found), dir, p.Ref)
}

func short(id string) string { return id[:min(len(id), 12)] }
