package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/state"
)

// changedOptions are the flags of `phased changed`.
type changedOptions struct {
	tellFlags
	notify []string
	key    string
	quiet  bool
}

func newChanged(w *World) *cobra.Command {
	var o changedOptions
	cmd := &cobra.Command{
		Use:   "changed FILE...",
		Short: "tell, inside of a hook, whether files are as they were",
		Long: `Compares files with what this hook saw of them when it last ended well, and prints
those that are not as they were: type, mode, owner and content. Ends with 0 where one
is, with 1 where none is. What was never seen before is changed; so is what is gone.
FILE is a file, a directory (all below it), or a pattern in quotes: then a file that
comes or goes is a change.

With --notify NAME, says that NAME is notified where one is, as phased notify does,
and ends with 0 either way. The files then count as seen as soon as that is on the
disk.`,
		Example: `phased changed --notify nginx '/etc/nginx/*.conf'
if phased changed /etc/fstab; then mount -a; fi
phased changed --lifecycle refresh --key backup /etc/passwd`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return invalid("changed: expected a FILE; usage: phased changed [--notify NAME] FILE...")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runChanged(cmd.Context(), w, &o, args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&o.notify, "notify", nil, "notify `NAME` where one is not as it was; may be repeated")
	f.StringVar(&o.key, "key", "", "what was seen belongs to `WORD`, not to the hook; needed outside of one")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing")
	o.addFlags(f)
	return cmd
}

// runChanged is `phased changed`.
func runChanged(ctx context.Context, w *World, o *changedOptions, args []string) error {
	if err := checkNames("changed: --notify", o.notify); err != nil {
		return err
	}
	if fault := state.NameFault(o.key); o.key != "" && fault != "" {
		return invalid("changed: --key: %s, not %q", fault, o.key)
	}
	t, err := o.teller(ctx, w, "changed")
	if err != nil {
		return err
	}
	if t.byHand() && o.key == "" {
		return invalid("changed: outside of a hook, say with --key WORD what the files belong to")
	}
	key := o.key
	if len(o.notify) > 0 { // which must not hide a change from who only asks
		key += "|" + strings.Join(o.notify, ",")
	}
	holder := keyHolder(t.at, o.key)
	known, err := t.store.Looks(holder, key)
	if err != nil {
		return &failure{exitInternal, err}
	}
	changed, seen, err := lookAt(args, known)
	if err != nil {
		return err
	}
	for _, file := range changed {
		if o.quiet {
			break
		}
		if _, err := fmt.Fprintln(w.Stdout, report.Safe(file, false)); err != nil {
			return err
		}
	}
	if len(o.notify) > 0 && len(changed) > 0 {
		if err := t.notify(w, o.notify); err != nil {
			return err
		}
	}
	return o.remember(t, holder, key, seen, len(changed) > 0)
}

// lookAt looks at the files, and returns which are not as they are known, and what
// is new to know.
func lookAt(args []string, known []phased.Look) (changed []string, seen []phased.Look, err error) {
	for _, arg := range args {
		at := phased.Text(absolute(arg))
		files, err := plan.LookAt(string(at))
		if err != nil {
			return nil, nil, broken("%v", err)
		}
		var was []phased.FileState
		for _, k := range known {
			if k.At == at {
				was = k.Files
			}
		}
		more := plan.LookChanged(was, files)
		if changed = append(changed, more...); len(more) > 0 {
			seen = append(seen, phased.Look{At: at, Time: time.Now().UTC(), Files: files})
		}
	}
	return changed, seen, nil
}

// remember lets what was seen count: at once where it was notified or typed, else
// when the hook has ended well.
func (o *changedOptions) remember(t teller, holder state.Hook, key string, seen []phased.Look, changed bool) error {
	var err error
	switch {
	case len(seen) == 0:
	case len(o.notify) > 0, t.byHand():
		err = t.store.Looked(holder, key, seen)
	default:
		for _, l := range seen {
			err = errors.Join(err, t.store.TellLook(t.notes, key, l))
		}
	}
	switch {
	case err != nil:
		return broken("what was seen cannot be remembered: %v", err)
	case changed || len(o.notify) > 0:
		return nil
	}
	return status(exitHook)
}
