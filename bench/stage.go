package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

//go:embed c/spawn.c c/first.c c/drain.c c/pace.c base.sh
var sources embed.FS

// stage is the place where everything is measured: a directory on a real disk
// with the hook trees, the compiled C programs and the state of phased.
type stage struct {
	dir   string
	bin   string // of phased
	spawn string // the C loop
	fs    string // kind of file system
}

// newStage makes the directory and compiles what is C. It refuses a file system
// in memory: what a durable record costs would not be seen there.
func newStage(ctx context.Context, o options) (*stage, error) {
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"phased", "os-refresh-config", "dib-run-parts"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("%w: run `make build` first", err)
		}
	}
	parent := o.dir
	if parent == "" {
		parent = os.TempDir()
	}
	dir, err := os.MkdirTemp(parent, "phased-bench.")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, bin: bin, spawn: filepath.Join(dir, "spawn")}
	if err := s.settle(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) settle(ctx context.Context) error {
	var err error
	if s.fs, err = fileSystem(s.dir); err != nil {
		return err
	}
	if s.fs == "tmpfs" || s.fs == "ramfs" {
		return fmt.Errorf("%s is on %s: name a directory on a disk with -dir", s.dir, s.fs)
	}
	return s.compile(ctx, "spawn", s.spawn)
}

func (s *stage) close() {
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// fileSystem names the file system that dir is on, as far as it is a usual one.
func fileSystem(dir string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", fmt.Errorf("cannot tell the file system of %s: %w", dir, err)
	}
	switch uint32(st.Type) {
	case unix.TMPFS_MAGIC:
		return "tmpfs", nil
	case unix.RAMFS_MAGIC:
		return "ramfs", nil
	case unix.EXT4_SUPER_MAGIC:
		return "ext4", nil
	case unix.XFS_SUPER_MAGIC:
		return "xfs", nil
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs", nil
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs", nil
	}
	return fmt.Sprintf("type %#x", uint32(st.Type)), nil
}

// compile builds one of the C sources, statically: what a dynamic loader takes
// is not what is measured.
func (s *stage) compile(ctx context.Context, name, to string, flags ...string) error {
	source := "c/" + name + ".c"
	text, err := sources.ReadFile(source)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, name+".c")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	args := append([]string{"-O2", "-static", "-Wall", "-Werror", "-o", to, path}, flags...)
	if out, err := exec.CommandContext(ctx, "gcc", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot compile %s: %w\n%s", source, err, out)
	}
	return nil
}

// tree is a base directory with one phase, configure.d.
type tree struct {
	base  string
	hooks int
}

// phase is the tree's one hook directory.
func (t tree) phase() string { return filepath.Join(t.base, "configure.d") }

func (s *stage) newTree(name string) (tree, error) {
	t := tree{base: filepath.Join(s.dir, name)}
	return t, os.MkdirAll(t.phase(), 0o755)
}

// noopTree has n hooks that do nothing.
func (s *stage) noopTree(n int) (tree, error) {
	t, err := s.newTree(fmt.Sprintf("noop-%d", n))
	for i := range n {
		err = errors.Join(err, t.hook(fmt.Sprintf("%04d-noop", i), "exit 0"))
	}
	t.hooks = n
	return t, err
}

// hook writes a shell hook.
func (t tree) hook(name, body string) error {
	return os.WriteFile(filepath.Join(t.phase(), name), []byte("#!/bin/sh\n"+body+"\n"), 0o755)
}

// quiet lets dirty pages go to the disk, so that no tool pays for the one
// before it.
func quiet() { unix.Sync() }

// now reads the monotonic clock that C programs read, in nanoseconds.
func now() (int64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0, err
	}
	return t.Nano(), nil
}

// environment is what every tool starts with.
func (s *stage) environment(path string, more ...string) []string {
	env := []string{"PATH=" + path, "HOME=/root", "USER=root", "LANG=C.UTF-8", "TMPDIR=" + s.dir}
	return append(env, more...)
}

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// slug makes a file name of a tool's name.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
}
