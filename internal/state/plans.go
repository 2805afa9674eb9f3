package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"phased/internal/phased"
	"phased/internal/trust"
)

// Plans are the published plans of one state directory, in plans/: for whoever may
// read the runs. They hold no secrets, and lie beside private/, not in it.
type Plans struct {
	dir string
	// AnyOwner takes the directory whoever could have written it.
	AnyOwner bool
	disk     disk
}

// NewPlans returns the published plans of a state directory. Nothing is opened.
func NewPlans(stateDir string) Plans {
	return Plans{dir: filepath.Join(stateDir, "plans"), disk: osDisk{}}
}

// Bounds of what is written and read.
const (
	maxPlan  = 16 << 20 // bytes of one
	maxPlans = 500
)

// Dir returns where they lie.
func (s Plans) Dir() string { return s.dir }

// planFile names the file of a lifecycle and base: for people by their names, and
// for certain by the key.
func planFile(lifecycle string, base phased.Text) string {
	words := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, lifecycle+"-of-"+strings.Trim(string(base), "/"))
	const most = 80
	words = strings.Trim(words[:min(len(words), most)], "-")
	return words + "." + phased.PlanKey(lifecycle, base) + suffix
}

// keyOf returns the key in the name of a file; "" where it has none.
func keyOf(name string) string {
	rest, ok := strings.CutSuffix(name, suffix)
	i := strings.LastIndexByte(rest, '.')
	if !ok || i <= 0 || name[0] == '.' || len(rest[i+1:]) != 16 || strings.Trim(rest[i+1:], "0123456789abcdef") != "" {
		return ""
	}
	return rest[i+1:]
}

// Publish puts a plan down in place of the one of the same lifecycle and base, and
// returns its file. Who dies meanwhile leaves the old one. A *trust.Problem tells
// that somebody else could write there.
func (s Plans) Publish(p phased.Published) (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	if len(text) >= maxPlan {
		return "", fmt.Errorf("the plan takes %d MiB, and no more than %d are published", len(text)>>20, maxPlan>>20)
	}
	group, err := s.ready()
	if err != nil {
		return "", err
	}
	s.sweep(time.Now())
	name := planFile(p.Plan.Lifecycle, p.Plan.Base)
	made := filepath.Join(s.dir, madePrefix+strconv.Itoa(os.Getpid())+"-"+phased.PlanKey(p.Plan.Lifecycle, p.Plan.Base))
	_ = s.disk.Remove(made) // of a dead process with this number
	f, err := s.disk.Create(made)
	if err != nil {
		return "", err
	}
	if _, err = s.disk.Write(f, append(text, '\n')); err == nil {
		err = share(f, group)
	}
	if err == nil {
		err = s.disk.Sync(f)
	}
	path := filepath.Join(s.dir, name)
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.disk.Rename(made, path)
	}
	if err != nil {
		return "", errors.Join(err, s.disk.Remove(made))
	}
	return path, s.disk.SyncDir(s.dir)
}

// share lets the group of the runs read a file, and nobody else.
func share(f *os.File, group int) error {
	if group >= 0 {
		if err := f.Chown(-1, group); err != nil {
			return err
		}
	}
	return f.Chmod(0o640)
}

// ready makes the directory, and makes sure that nobody else can write it. It
// returns the group that may read the state directory; -1: as it comes.
func (s Plans) ready() (group int, err error) {
	group = -1
	up, err := os.Lstat(filepath.Dir(s.dir))
	if err != nil {
		return group, err
	}
	if st, ok := up.Sys().(*syscall.Stat_t); ok && int(st.Gid) != os.Getegid() {
		group = int(st.Gid)
	}
	switch err = s.disk.Mkdir(s.dir, 0o750); {
	case err == nil:
		if err = os.Chmod(s.dir, 0o750); err == nil && group >= 0 {
			err = os.Lchown(s.dir, -1, group)
		}
		if err == nil {
			err = s.disk.SyncDir(filepath.Dir(s.dir))
		}
		if err != nil {
			return group, errors.Join(err, s.disk.Remove(s.dir))
		}
	case !errors.Is(err, fs.ErrExist):
		return group, err
	}
	return group, s.trusted()
}

// trusted refuses a directory that is a link, or that somebody else could write.
func (s Plans) trusted() error {
	info, err := os.Lstat(s.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory itself: make it one", s.dir)
	}
	if s.AnyOwner {
		return nil
	}
	c := trust.NewChecker(os.Geteuid())
	defer c.Close()
	p, err := c.Directory(s.dir)
	if err == nil && p != nil && (os.Geteuid() == 0 || p.At == s.dir) {
		return p
	}
	return err
}

// sweep removes what processes that died have left half-written.
func (s Plans) sweep(now time.Time) {
	names, _ := s.names() // the next one tries again
	for _, n := range names {
		info, err := os.Lstat(filepath.Join(s.dir, n))
		if err == nil && strings.HasPrefix(n, madePrefix) && now.Sub(info.ModTime()) > time.Hour {
			_ = s.disk.Remove(filepath.Join(s.dir, n))
		}
	}
}

// Unpublish removes the plan of a lifecycle and base, for good when it returns,
// and tells its file; "" where there is none.
func (s Plans) Unpublish(lifecycle string, base phased.Text) (string, error) {
	path := filepath.Join(s.dir, planFile(lifecycle, base))
	if _, err := os.Lstat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err := s.trusted(); err != nil {
		return "", err
	}
	err := s.disk.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return path, s.disk.SyncDir(s.dir)
}

// All returns the published plans, by the names of their files. One that cannot be
// shown has the reason in its Err. More than 500 are not looked at.
func (s Plans) All() ([]phased.PublishedPlan, error) {
	names, err := s.names()
	if err != nil {
		return nil, fmt.Errorf("cannot read the published plans: %w", err)
	}
	slices.Sort(names)
	var all []phased.PublishedPlan
	for _, n := range names {
		if key := keyOf(n); key != "" && len(all) < maxPlans {
			p := phased.PublishedPlan{Key: key, File: filepath.Join(s.dir, n)}
			p.Published, p.Err = readPlan(p.File, key)
			if !errors.Is(p.Err, fs.ErrNotExist) { // taken away meanwhile
				all = append(all, p)
			}
		}
	}
	return all, nil
}

func (s Plans) names() ([]string, error) {
	d, err := os.OpenFile(s.dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// readPlan reads one published plan: a regular file of bounded size, and no link.
func readPlan(path, key string) (phased.Published, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return phased.Published{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return phased.Published{}, err
	}
	if !info.Mode().IsRegular() {
		return phased.Published{}, errors.New("it is not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPlan+1))
	if err != nil {
		return phased.Published{}, err
	}
	if len(text) > maxPlan {
		return phased.Published{}, fmt.Errorf("it is larger than %d MiB", maxPlan>>20)
	}
	p, err := phased.ParsePublished(text)
	switch {
	case err != nil:
		return phased.Published{}, err
	case phased.PlanKey(p.Plan.Lifecycle, p.Plan.Base) != key:
		return phased.Published{}, fmt.Errorf("it is the plan of %s of %s, and its name is another's", p.Plan.Lifecycle, p.Plan.Base)
	}
	return p, nil
}
