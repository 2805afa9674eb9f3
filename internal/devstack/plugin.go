package devstack

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"phased/internal/phased"
)

// checkPlugin holds the words of an enable_plugin line to what is safe: the name
// becomes a directory and, in DevStack, an element of a list with commas; the
// source and the ref become arguments of git.
func checkPlugin(p phased.Plugin) error {
	for i := range len(p.Name) {
		if c := p.Name[i]; !isName(c) && (i == 0 || strings.IndexByte("-+.", c) < 0) {
			return fmt.Errorf("enable_plugin: %q is no name for a plugin: expected letters, digits, _ and, behind the first, also . - and +", p.Name)
		}
	}
	if p.Name == "" {
		return errors.New("enable_plugin: the name is empty: expected enable_plugin NAME PATH [REF]")
	}
	source := string(p.Source)
	switch {
	case source == "":
		return fmt.Errorf("enable_plugin %s: the path is empty: expected enable_plugin NAME PATH [REF]", p.Name)
	case source[0] == '-':
		return fmt.Errorf("enable_plugin %s: %q begins with -, as an option does: write ./%s for a directory of that name", p.Name, source, source)
	case strings.ContainsAny(source, "\x00\n\r"):
		return fmt.Errorf("enable_plugin %s: the path %q has a line end in it", p.Name, source)
	}
	if p.Ref != "" && !isRef(p.Ref) {
		return fmt.Errorf("enable_plugin %s: %q can be no branch, tag or commit", p.Name, p.Ref)
	}
	return checkURL(p)
}

// checkURL refuses what would carry a password into plans and records.
func checkURL(p phased.Plugin) error {
	if !isURL(string(p.Source)) {
		return nil
	}
	u, err := url.Parse(string(p.Source))
	if err != nil {
		return fmt.Errorf("enable_plugin %s: the URL cannot be read; does it have blanks or odd characters in it?", p.Name)
	}
	_, password := u.User.Password()
	if password || u.User != nil && strings.HasPrefix(u.Scheme, "http") {
		return fmt.Errorf("enable_plugin %s: the URL holds a user or password, which would be on record: leave it out, git's credential helper can know it", p.Name)
	}
	return nil
}

// isRef says that s may be the name of a branch or tag, after the rules of git
// check-ref-format, or a commit.
func isRef(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f || strings.IndexByte("~^:?*[\\", s[i]) >= 0 {
			return false
		}
	}
	return s[0] != '-' && s[0] != '/' && !strings.HasSuffix(s, "/") && !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, ".lock") &&
		!strings.Contains(s, "..") && !strings.Contains(s, "@{") && !strings.Contains(s, "//")
}

func isURL(s string) bool {
	scheme, _, found := strings.Cut(s, "://")
	return found && isWord(strings.NewReplacer("+", "", ".", "").Replace(scheme))
}

// isRemote says that git would ask another host for s: a URL, or host:path.
func isRemote(s string) bool {
	if isURL(s) {
		return !strings.HasPrefix(s, "file://")
	}
	host, _, found := strings.Cut(s, ":")
	return found && !strings.Contains(host, "/")
}

// locator finds where the files of plugins lie.
type locator struct {
	dir     string // of the local.conf: paths are relative to it
	plugins string // clones lie here
}

// locate fills in the directory of a plugin and whether it is still to be
// cloned.
func (l locator) locate(p *phased.Plugin) error {
	source := string(p.Source)
	local, err := l.localPath(source)
	if err != nil {
		return fmt.Errorf("enable_plugin %s: %v", p.Name, err)
	}
	_, err = os.Stat(local)
	if isRemote(source) && (isURL(source) || err != nil) {
		return l.clone(p)
	}
	if err != nil {
		return fmt.Errorf("enable_plugin %s: %s: %v: expected a directory with devstack/ in it, or a git repository", p.Name, source, plainError(err))
	}
	if isDir(filepath.Join(local, "devstack")) {
		p.Dir = phased.Text(local)
		return nil
	}
	if isRepository(local, p.Ref != "") {
		if !isURL(source) {
			// git runs elsewhere, where a relative path means another one.
			p.Source = phased.Text(local)
		}
		return l.clone(p)
	}
	return fmt.Errorf("enable_plugin %s: %s holds no devstack/ and is no git repository that could: expected a plugin", p.Name, source)
}

// clone makes p one that lies in the plugin directory, or will.
func (l locator) clone(p *phased.Plugin) error {
	dir, err := filepath.Abs(filepath.Join(l.plugins, p.Name))
	if err != nil {
		return fmt.Errorf("enable_plugin %s: %v", p.Name, err)
	}
	p.Dir = phased.Text(dir)
	switch _, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		p.Fetch = true
	case err != nil:
		return fmt.Errorf("enable_plugin %s: cannot look at its clone: %v", p.Name, err)
	case !isDir(filepath.Join(dir, "devstack")):
		return fmt.Errorf("enable_plugin %s: %s is there and holds no devstack/: move it away, and %s is cloned there", p.Name, dir, p.Source)
	}
	return nil
}

func (l locator) localPath(source string) (string, error) {
	if rest, found := strings.CutPrefix(source, "file://"); found {
		path, err := url.PathUnescape(rest)
		if err != nil || !filepath.IsAbs(path) {
			return "", fmt.Errorf("%s is no file URL with an absolute path: expected file:///PATH", source)
		}
		return filepath.Clean(path), nil
	}
	if filepath.IsAbs(source) {
		return filepath.Clean(source), nil
	}
	return filepath.Join(l.dir, source), nil
}

// isRepository says that git could clone path: a bare repository, a bundle, or,
// where another ref than the one that is checked out may be asked for, one with
// a work tree.
func isRepository(path string, tree bool) bool {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return false
	case info.Mode().IsRegular():
		return strings.HasSuffix(path, ".bundle")
	case tree:
		if _, err := os.Stat(filepath.Join(path, ".git")); err == nil {
			return true
		}
	}
	_, err = os.Stat(filepath.Join(path, "HEAD"))
	return err == nil && isDir(filepath.Join(path, "objects"))
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// plainError leaves out the path that the message has already.
func plainError(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
