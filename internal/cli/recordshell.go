package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"phased/internal/journal"
	"phased/internal/plan"
	"phased/internal/proc"
	"phased/internal/shellinit"
)

// recorderName is the command of the process that records a shell. It is for
// shell-init to start, not for people: descriptors 3 and 4 are its arguments.
const recorderName = "record-shell"

func newRecordShell(w *World) *cobra.Command {
	return &cobra.Command{
		Use:    recorderName,
		Short:  "record a shell (started by shell-init)",
		Hidden: true,
		Args:   atMost(0),
		RunE:   func(cmd *cobra.Command, args []string) error { return runRecordShell(cmd.Context(), w) },
	}
}

// runRecordShell is the recorder: it begins the run, answers, and records until
// the shell has ended. The shell has only ever heard of a file: when this
// process is killed, the script goes on, and the next phased folds the file.
func runRecordShell(ctx context.Context, _ *World) error {
	facts, answer := os.NewFile(3, "facts"), os.NewFile(4, "answer")
	if facts == nil || answer == nil {
		return invalid("%s is started by phased shell-init", recorderName)
	}
	r, file, err := beginRecorder(facts)
	if err != nil {
		_, told := fmt.Fprintf(answer, "-%v", err)
		return errors.Join(broken("%v", err), told, answer.Close())
	}
	_, err = fmt.Fprintf(answer, "+%s", file)
	if err := errors.Join(err, answer.Close()); err != nil {
		return errors.Join(err, r.discard())
	}
	return r.record(ctx)
}

// recorder records one shell.
type recorder struct {
	facts  recorderFacts
	store  *journal.Store
	writer *journal.Writer
	file   *os.File // the sidecar
	fold   *shellinit.Fold
	shell  *shellWatch // nil: it has not begun
}

func beginRecorder(in *os.File) (*recorder, string, error) {
	b, err := io.ReadAll(in)
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, "", fmt.Errorf("cannot read what to record: %v", err)
	}
	r := &recorder{}
	if err := json.Unmarshal(b, &r.facts); err != nil {
		return nil, "", fmt.Errorf("cannot read what to record: %v", err)
	}
	st, err := proc.Read(os.Getpid())
	if err != nil {
		return nil, "", err
	}
	r.facts.Start.Pid, r.facts.Start.PidStart = os.Getpid(), st.Start
	s, err := (&places{config: r.facts.Config, trust: r.facts.Trust}).settings(nil)
	if err != nil {
		return nil, "", err
	}
	r.store, err = journal.Open(r.facts.Dir, journal.Options{Durability: s.Durability, AnyOwner: (&places{trust: r.facts.Trust}).anyOwner(s)})
	if err != nil {
		return nil, "", err
	}
	if r.writer, err = r.store.Begin(r.facts.Run); err != nil {
		return nil, "", err
	}
	file, err := r.open()
	if err != nil {
		return nil, "", errors.Join(err, r.discard())
	}
	return r, file, nil
}

// open makes the sidecar.
func (r *recorder) open() (string, error) {
	head, err := shellinit.Head(r.facts.Start)
	if err != nil {
		return "", err
	}
	file, err := r.store.CreateSidecar(r.facts.Run, head)
	if err != nil {
		return "", err
	}
	r.file, err = r.store.OpenSidecar(r.facts.Run)
	r.fold = shellinit.New(r.facts.Run, plan.ListSourced)
	return file, err
}

// discard leaves nothing behind: there was no shell.
func (r *recorder) discard() error {
	if r.file != nil {
		r.file.Close()
	}
	return errors.Join(r.store.RemoveSidecar(r.facts.Run), r.writer.Discard())
}

// beginPatience is how long a shell may take to evaluate the text. Somebody may
// have printed it for reading only.
const beginPatience = time.Minute

// settle is how long records are gathered before they are folded.
const settle = 50 * time.Millisecond

// record folds records as they come, until the shell has ended.
func (r *recorder) record(ctx context.Context) error {
	wake := watchFile(r.file.Name())
	defer wake.close()
	limit := time.Now().Add(beginPatience)
	for {
		ended := r.shell.ended() // asked before the last records are read
		if err := r.read(); err != nil {
			return err
		}
		if r.fold.Declined() {
			return r.discard()
		}
		if shell, began := r.fold.Shell(); began && r.shell == nil {
			r.shell = watchShell(shell, r.facts.Callers)
			defer r.shell.close()
			continue
		}
		if r.shell == nil && time.Now().After(limit) {
			return r.discard()
		}
		if ended {
			return r.finish(ctx)
		}
		if wake.wait(r.shell, time.Until(limit)) && r.shell != nil {
			time.Sleep(settle)
		}
	}
}

// read folds what the shell has written since.
func (r *recorder) read() error {
	b := make([]byte, 64<<10)
	for {
		n, err := r.file.Read(b)
		if n > 0 {
			if err := r.writer.Append(r.fold.Add(b[:n])...); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read the shell's records: %w", err)
		}
	}
}

// finish closes the run. How the shell ended goes through the sidecar as well,
// so that whoever has to fold it once more comes to the same end.
func (r *recorder) finish(ctx context.Context) error {
	if torn := r.fold.Torn(); torn > 0 {
		end, err := r.file.Seek(0, io.SeekCurrent)
		if err == nil {
			err = r.file.Truncate(end - int64(torn))
		}
		if err != nil {
			return err
		}
		if _, err = r.file.Seek(0, io.SeekEnd); err != nil {
			return err
		}
	}
	last := shellinit.Unknown(time.Now())
	if x, ok := r.shell.exit(); ok {
		last = shellinit.Ended(time.Now(), x)
	}
	if _, err := r.file.Write(last); err != nil {
		return err
	}
	events := append(r.fold.Add(last), r.fold.End()...)
	if err := r.writer.Append(events...); err != nil {
		return err
	}
	err := errors.Join(r.file.Close(), r.store.RemoveSidecar(r.facts.Run), r.writer.Close())
	if s, bad := (&places{config: r.facts.Config, trust: r.facts.Trust}).settings(nil); bad == nil {
		_, bad = r.store.Prune(ctx, limitsOf(s), false)
		err = errors.Join(err, bad)
	}
	return err
}

// fileWatch tells when a file is written to.
type fileWatch struct{ fd int }

// watchFile watches a file; where the kernel refuses, wait looks by the clock.
func watchFile(path string) fileWatch {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fileWatch{-1}
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MODIFY); err != nil {
		unix.Close(fd)
		return fileWatch{-1}
	}
	return fileWatch{fd}
}

func (f fileWatch) close() {
	if f.fd >= 0 {
		unix.Close(f.fd)
	}
}

// wait waits until the file was written to, the shell has ended or, while there
// is no shell, the time is over. It reports whether the file was written to, or
// may have been.
func (f fileWatch) wait(shell *shellWatch, left time.Duration) bool {
	timeout := -1
	if shell == nil {
		timeout = int(max(0, left)/time.Millisecond) + 1
	}
	fds := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}, {Fd: int32(shell.descriptor()), Events: unix.POLLIN}}
	if f.fd < 0 || shell != nil && shell.pidfd < 0 {
		timeout = 100
	}
	if _, err := unix.Poll(fds, timeout); err != nil {
		return true // interrupted
	}
	var drop [4096]byte
	for f.fd >= 0 {
		if n, err := unix.Read(f.fd, drop[:]); n <= 0 || err != nil {
			break
		}
	}
	return f.fd < 0 || fds[0].Revents != 0
}

var _ shellinit.List = plan.ListSourced
