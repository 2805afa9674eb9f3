// Package faultdisk is a file system for tests that fails where it is told to and
// remembers what a power cut would leave. It stands in for the few operations by
// which a room writes what must not be lost: the room declares them as an
// interface of its own, of which the product has one implementation, and hands
// its tests a Disk. It must not be imported by anything but tests, and knows
// nothing of what is written.
package faultdisk

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// ErrPower is what a process never sees: the power is gone, and nothing works
// any more.
var ErrPower = errors.New("the power is off")

// Disk is a file system with faults. What it is asked for it does on the real one
// too, so that reading, locks and inode numbers are real; only the syncs are not,
// which are kept in memory.
//
// The model is the worst that POSIX allows and that ext4 and xfs have shown: of
// what was written to a file since its last sync any beginning may be there, torn
// at any byte, with blocks in it that read as zeros; of the names made and removed
// in a directory since it was synced any beginning, each directory by itself. What
// a sync failed on may be gone although a later sync succeeds.
//
// Files are known from Create on, directories from Mkdir; of others nothing is
// left by a power cut.
type Disk struct {
	mu    sync.Mutex
	root  string
	nodes map[uint64]*node    // files, by inode number
	dirs  map[string]*listing // by path
	done  []string            // what was asked for, in order
	first int                 // number of the first operation that goes wrong; 0: none
	last  int                 // and of the last one
	err   error               // how
	part  int                 // bytes of a write that get through before it fails
	off   bool
}

// node is a file.
type node struct {
	dir     string // "": it is a regular file
	safe    []byte // content as it was synced
	pending []change
	lost    bool // a sync has failed
}

// change is a write, or a cut to a length.
type change struct {
	cut  bool
	at   int
	data []byte
}

// listing is a directory: the names that are safe, and changes of them, each of
// which happens as a whole; a nil node takes a name away.
type listing struct {
	safe    map[string]*node
	pending []map[string]*node
}

// New returns a disk for what lies in root, which exists, and all that lies there
// now is forgotten by a power cut.
func New(root string) *Disk {
	return &Disk{root: root, nodes: map[uint64]*node{}, dirs: map[string]*listing{root: {safe: map[string]*node{}}}}
}

// Fail lets the operations first to last fail with err, counted from 1 since the
// disk was made. A write that fails has written part bytes. With ErrPower the
// power goes in the middle of the first one.
func (d *Disk) Fail(first, last int, err error, part int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.first, d.last, d.err, d.part = first, last, err, part
}

// Mend lets everything succeed again; what was lost stays lost.
func (d *Disk) Mend() { d.Fail(0, 0, nil, 0) }

// Done returns the operations so far, in order.
func (d *Disk) Done() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

// Off reports whether the power has gone.
func (d *Disk) Off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// step counts an operation and says how it goes wrong; cut tells that the power
// goes in the middle of it. The caller holds mu.
func (d *Disk) step(what string) (cut bool, err error) {
	if d.off {
		return false, ErrPower
	}
	d.done = append(d.done, what)
	n := len(d.done)
	if d.first == 0 || n < d.first || n > d.last {
		return false, nil
	}
	d.off = errors.Is(d.err, ErrPower)
	return d.off, &fs.PathError{Op: what, Path: d.root, Err: d.err}
}

func (d *Disk) node(file *os.File) *node {
	info, err := file.Stat()
	if err != nil {
		panic(err)
	}
	return d.nodes[info.Sys().(*syscall.Stat_t).Ino]
}

// named is the note of a change of a file's name: put is given the file that has
// it before.
func (d *Disk) named(path string, put func(*node)) func() func() {
	return func() func() {
		var n *node
		if info, err := os.Lstat(path); err == nil {
			n = d.nodes[info.Sys().(*syscall.Stat_t).Ino]
		}
		return func() { put(n) }
	}
}

// names notes a change of names in one directory.
func (d *Disk) names(dir string, change map[string]*node) {
	if d := d.dirs[dir]; d != nil {
		d.pending = append(d.pending, change)
	}
}

func (d *Disk) name(path string, n *node) {
	d.names(filepath.Dir(path), map[string]*node{filepath.Base(path): n})
}

// change does an operation that happens as a whole or not at all: when the power
// goes in it, either may be found. note looks at how things are before, and
// returns what puts the change down.
func (d *Disk) change(what string, do func() error, note func() (put func())) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	cut, err := d.step(what)
	if cut {
		note()()
	}
	if err != nil {
		return err
	}
	put := note()
	if err := do(); err != nil {
		return err
	}
	put()
	return nil
}

// Create makes a file for appending, which must not exist.
func (d *Disk) Create(path string) (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	cut, err := d.step("create")
	if err != nil && !cut {
		return nil, err
	}
	file, failed := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if failed != nil {
		return nil, failed
	}
	info, failed := file.Stat()
	if failed != nil {
		panic(failed)
	}
	n := &node{}
	d.nodes[info.Sys().(*syscall.Stat_t).Ino] = n
	d.name(path, n)
	if cut {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Write appends to a file.
func (d *Disk) Write(file *os.File, p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	cut, err := d.step("write")
	if err != nil && !cut {
		p = p[:min(d.part, len(p))]
	}
	if n := d.node(file); n != nil && (cut || !d.off) {
		n.pending = append(n.pending, change{at: len(n.content()), data: slices.Clone(p)})
	}
	if d.off {
		return 0, err
	}
	n, failed := file.Write(p)
	return n, errors.Join(err, failed)
}

// Truncate cuts a file to a length.
func (d *Disk) Truncate(file *os.File, size int64) error {
	return d.change("truncate", func() error { return file.Truncate(size) }, func() func() {
		n := d.node(file)
		return func() {
			if n != nil {
				n.pending = append(n.pending, change{cut: true, at: int(size)})
			}
		}
	})
}

// Sync makes the content of a file safe.
func (d *Disk) Sync(file *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.step("sync")
	n := d.node(file)
	switch {
	case n == nil:
	case err != nil:
		n.lost = true
	case !n.lost:
		n.safe, n.pending = n.content(), nil
	}
	return err
}

// SyncDir makes the names in a directory safe.
func (d *Disk) SyncDir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.step("sync directory"); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err != nil {
		return err
	}
	if d := d.dirs[path]; d != nil {
		d.safe, d.pending = d.after(len(d.pending)), nil
	}
	return nil
}

// Mkdir makes a directory.
func (d *Disk) Mkdir(path string, mode fs.FileMode) error {
	return d.change("mkdir", func() error { return os.Mkdir(path, mode) }, func() func() {
		if _, err := os.Lstat(path); err == nil {
			return func() {} // it is refused
		}
		return func() {
			d.dirs[path] = &listing{safe: map[string]*node{}}
			d.name(path, &node{dir: path})
		}
	})
}

// Link gives a file a second name.
func (d *Disk) Link(path, name string) error {
	return d.change("link", func() error { return os.Link(path, name) }, d.named(path, func(n *node) { d.name(name, n) }))
}

// Rename gives a file another name, in the same directory or another, and takes
// the name away from another file.
func (d *Disk) Rename(path, name string) error {
	return d.change("rename", func() error { return os.Rename(path, name) }, d.named(path, func(n *node) {
		if dir := filepath.Dir(path); dir == filepath.Dir(name) {
			d.names(dir, map[string]*node{filepath.Base(path): nil, filepath.Base(name): n})
			return
		}
		d.name(name, n)
		d.name(path, nil)
	}))
}

// Remove takes a name away.
func (d *Disk) Remove(path string) error {
	return d.change("remove", func() error { return os.Remove(path) }, d.named(path, func(*node) { d.name(path, nil) }))
}

// RemoveAll removes a directory with all that is in it; none is no error.
func (d *Disk) RemoveAll(path string) error {
	return d.change("remove all", func() error { return os.RemoveAll(path) }, d.named(path, func(*node) { d.name(path, nil) }))
}

// content is what readers see while the power is on.
func (n *node) content() []byte {
	b := slices.Clone(n.safe)
	for _, c := range n.pending {
		b = c.apply(b, len(c.data))
	}
	return b
}

func (c change) apply(b []byte, part int) []byte {
	if c.cut {
		return b[:min(c.at, len(b))]
	}
	return append(b[:min(c.at, len(b))], c.data[:part]...)
}

func (d *listing) after(n int) map[string]*node {
	all := maps.Clone(d.safe)
	for _, c := range d.pending[:n] {
		for name, node := range c {
			if all[name] = node; node == nil {
				delete(all, name)
			}
		}
	}
	return all
}

// Pick chooses one of 0 to n: how much of something was saved.
type Pick func(n int) int

// Nothing was saved that was not synced.
func Nothing(int) int { return 0 }

// Everything was saved.
func Everything(n int) int { return n }

// PowerCut makes in dir what may be found of the disk's root after a power cut.
// saved says how much of each file and directory was saved; where zeros is 1 of
// 3, a block of what was not synced reads as zeros.
func (d *Disk) PowerCut(dir string, saved, zeros Pick) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.restore(d.root, dir, map[*node]string{}, saved, zeros)
}

func (d *Disk) restore(from, to string, made map[*node]string, saved, zeros Pick) error {
	l := d.dirs[from]
	all := l.after(saved(len(l.pending)))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n, path := all[name], filepath.Join(to, name)
		var err error
		switch {
		case n.dir != "":
			if err = os.Mkdir(path, 0o750); err == nil {
				err = d.restore(n.dir, path, made, saved, zeros)
			}
		case made[n] != "":
			err = os.Link(made[n], path)
		default:
			made[n] = path
			err = os.WriteFile(path, n.image(saved, zeros), 0o640)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// blockSize is what is written or not written as a whole, in bytes. Real ones are
// larger; a small one leaves more kinds of holes in small files.
const blockSize = 256

// image is one content that a power cut may leave of the file.
func (n *node) image(saved, zeros Pick) []byte {
	b := slices.Clone(n.safe)
	whole := saved(len(n.pending))
	for _, c := range n.pending[:whole] {
		b = c.apply(b, len(c.data))
	}
	if whole < len(n.pending) {
		c := n.pending[whole]
		b = c.apply(b, saved(len(c.data)))
	}
	safe := min(len(n.safe), len(b))
	for at := safe / blockSize * blockSize; at < len(b); at += blockSize {
		if zeros(3) == 1 {
			clear(b[max(at, safe):min(at+blockSize, len(b))])
		}
	}
	return b
}
