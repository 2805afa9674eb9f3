package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// personalities are the names that phased stands in under.
func personalities() []string { return []string{"dib-run-parts", "os-refresh-config"} }

func newInstallPersonalities(w *World) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "install-personalities --prefix DIR",
		Short: "make the links os-refresh-config and dib-run-parts",
		Long: `Makes links to this program in DIR/bin, named os-refresh-config and dib-run-parts,
under which it stands in for them. What is there already and is no such link is
left alone: then no link is made at all.`,
		Example: `phased install-personalities --prefix /usr/local`,
		Args:    atMost(0),
		RunE:    func(cmd *cobra.Command, args []string) error { return runInstall(w, prefix) },
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "make the links in `DIR`/bin")
	return cmd
}

func newUninstallPersonalities(w *World) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "uninstall-personalities --prefix DIR",
		Short: "remove the links that install-personalities made",
		Long: `Removes the links os-refresh-config and dib-run-parts from DIR/bin where they are
links to phased. Anything else of these names is left alone.`,
		Example: `phased uninstall-personalities --prefix /usr/local`,
		Args:    atMost(0),
		RunE:    func(cmd *cobra.Command, args []string) error { return runUninstall(w, prefix) },
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "remove the links from `DIR`/bin")
	return cmd
}

// place is what lies where a link is to be.
type place struct {
	path   string
	absent bool
	ours   bool   // a link that install-personalities makes: its target is a phased
	target string // of a link
	what   string
}

// look says what lies at a path.
func look(path string) (place, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return place{path: path, absent: true}, nil
	case err != nil:
		return place{}, broken("cannot look at %s: %v", path, err)
	case info.Mode()&fs.ModeSymlink == 0:
		return place{path: path, what: "is not a link"}, nil
	}
	target, err := os.Readlink(path)
	if err != nil {
		return place{}, broken("cannot read the link %s: %v", path, err)
	}
	return place{path: path, ours: filepath.Base(target) == "phased", target: target, what: "is a link to " + target}, nil
}

// lookAll says what lies at the places of all links.
func lookAll(prefix, command string) ([]place, error) {
	if prefix == "" {
		return nil, invalid("%s: --prefix DIR is needed, such as --prefix /usr/local", command)
	}
	dir, err := filepath.Abs(filepath.Join(prefix, "bin"))
	if err != nil {
		return nil, broken("cannot find %s: %v", prefix, err)
	}
	var all []place
	for _, name := range personalities() {
		p, err := look(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func runInstall(w *World, prefix string) error {
	all, err := lookAll(prefix, "install-personalities")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return broken("cannot find this program: %v", err)
	}
	var refused []error
	for _, p := range all {
		if !p.absent && !p.ours {
			refused = append(refused, fmt.Errorf("%s %s and was not made by phased; it stays, and no link was made", p.path, p.what))
		}
	}
	if len(refused) > 0 {
		return &failure{exitInvalid, errors.Join(refused...)}
	}
	for _, p := range all {
		if err := install(p, self); err != nil {
			return err
		}
		if p.ours && p.target == self {
			fmt.Fprintf(w.Stdout, "%s -> %s (was there)\n", p.path, self)
			continue
		}
		fmt.Fprintf(w.Stdout, "%s -> %s\n", p.path, self)
	}
	return nil
}

// install makes one link, in the place of an older one at once.
func install(p place, self string) error {
	if p.ours && p.target == self {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o755); err != nil {
		return broken("cannot make %s: %v", filepath.Dir(p.path), err)
	}
	if p.absent {
		if err := os.Symlink(self, p.path); err != nil {
			return broken("cannot make the link: %v", err)
		}
		return nil
	}
	fresh := p.path + ".phased-new"
	if err := os.Symlink(self, fresh); err != nil {
		return broken("cannot make the link: %v", err)
	}
	if err := os.Rename(fresh, p.path); err != nil {
		return broken("cannot put the link in place: %v", errors.Join(err, os.Remove(fresh)))
	}
	return nil
}

func runUninstall(w *World, prefix string) error {
	all, err := lookAll(prefix, "uninstall-personalities")
	if err != nil {
		return err
	}
	for _, p := range all {
		switch {
		case p.absent:
			w.talk("%s is not there", p.path)
		case !p.ours:
			w.talk("%s %s and was not made by phased; it stays", p.path, p.what)
		default:
			if err := os.Remove(p.path); err != nil {
				return broken("cannot remove the link: %v", err)
			}
			fmt.Fprintf(w.Stdout, "removed %s\n", p.path)
		}
	}
	return nil
}
