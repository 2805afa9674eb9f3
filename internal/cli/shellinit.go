package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"phased/internal/config"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/shellinit"
)

// shellInitOptions are the flags of `phased shell-init`.
type shellInitOptions struct {
	places
	leave []string
}

func newShellInit(w *World) *cobra.Command {
	var o shellInitOptions
	cmd := &cobra.Command{
		Use:   "shell-init bash",
		Short: "let a bash script of your own source and record hooks",
		Long: `Prints text for a bash script to evaluate, which gives it the function

  run_phase MODE [SUB-PHASE]

This sources the scripts "$TOP_DIR"/extras.d/*.sh into the calling shell, as
DevStack's stack.sh of 2015 did, and then calls the functions for plugins that
today's DevStack defines, where the shell has them. What ran, when, how long it
took and how it ended is recorded as a run, by a process of its own: the script
has no further child and no further descriptor.

Where nothing can be recorded, a warning is printed, and the hooks run all the
same.`,
		Example: `eval "$(phased shell-init bash)"
eval "$(phased shell-init bash --leave clean)"`,
		Args:      atMost(1),
		ValidArgs: []string{"bash"},
		RunE:      func(cmd *cobra.Command, args []string) error { return runShellInit(w, &o, args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&o.leave, "leave", nil, "leave the scripts to a loop of the caller's where run_phase is called with `MODE`")
	o.places.addFlags(f)
	return cmd
}

// runShellInit is `phased shell-init`.
func runShellInit(w *World, o *shellInitOptions, args []string) error {
	if len(args) == 0 || args[0] != "bash" {
		return invalid("shell-init: bash is the one shell that hooks can be sourced into: phased shell-init bash")
	}
	file := ""
	if isTerminal(w.Stdout) {
		// Nobody can evaluate this.
		w.talk(`a script evaluates this text: eval "$(%s)"; printed for reading, it records nothing`, strings.Join(w.Argv, " "))
	} else {
		var err error
		if file, err = startRecorder(w, &o.places); err != nil {
			w.talk("warning: the hooks of this shell are not recorded: %v", err)
		}
	}
	_, err := io.WriteString(w.Stdout, shellinit.Text(shellinit.Options{Records: file, Leave: o.leave}))
	if err != nil {
		return broken("cannot print the text for the shell: %v", err)
	}
	return nil
}

// recorderPatience is how long a recorder may take to begin a run.
const recorderPatience = 20 * time.Second

// startRecorder starts the process that records the calling shell, and returns
// the file that the shell is to write to. The recorder is the child of this
// process, which ends now: the shell never was its parent.
func startRecorder(w *World, p *places) (string, error) {
	s, err := p.settings(w)
	if err != nil {
		return "", err
	}
	dir, err := p.dir(w, s)
	if err != nil {
		return "", err
	}
	store, err := journal.Open(dir, journal.Options{Create: true, AnyOwner: p.anyOwner(s), Rebooted: w.rebooted(dir)})
	if err != nil {
		return "", err
	}
	id := journal.NewID(time.Now())
	// Runs that cannot be closed are the next command's to tell of.
	_, _ = store.CloseDead("run " + id)
	above, files := callers()
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	facts, err := json.Marshal(recorderFacts{id, dir, absoluteOrNone(p.config), p.trust, shellStart(w, s), above})
	if err != nil {
		return "", err
	}
	return spawnRecorder(facts, files)
}

func absoluteOrNone(path string) string {
	if path == "" {
		return ""
	}
	return absolute(path)
}

// shellStart are the facts of run.started that this process knows: the recorder
// has neither its environment nor its command line.
func shellStart(w *World, settings *config.Settings) phased.RunStarted {
	s := startFacts(w, settings, phased.Plan{})
	s.Parent, s.Personality, s.Output = w.getenv("PHASED_RUN_ID"), shellinit.Personality, "inherited"
	return s
}

// recorderFacts is what a recorder is told.
type recorderFacts struct {
	Run    string            `json:"run"`
	Dir    string            `json:"dir"` // state directory
	Config string            `json:"config,omitempty"`
	Trust  string            `json:"trust,omitempty"`
	Start  phased.RunStarted `json:"start"`
	// Callers are the processes above, one of which is the shell: descriptors
	// from 5 on stand for them, so that each is known for itself whenever it ends.
	Callers []shellinit.Shell `json:"callers"`
}

// callers opens the processes above this one, nearest first. They wait for us.
func callers() (all []shellinit.Shell, files []*os.File) {
	const most = 6 // a few subshells and wrappers
	for pid := os.Getppid(); pid > 1 && len(all) < most; {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			break
		}
		f := os.NewFile(uintptr(fd), "process "+strconv.Itoa(pid))
		st, err := proc.Read(pid)
		if err != nil {
			f.Close()
			break
		}
		all, files = append(all, shellinit.Shell{Pid: pid, Start: st.Start}), append(files, f)
		pid = st.Parent
	}
	return all, files
}

// spawnRecorder starts the recorder in a session of its own, with nothing of the
// caller's: no descriptor, no environment, no directory. It waits until the
// recorder has begun the run.
func spawnRecorder(facts []byte, callers []*os.File) (string, error) {
	if err := closeOnExec(); err != nil {
		return "", fmt.Errorf("cannot keep descriptors from the recorder: %v", err)
	}
	factsRead, factsWrite, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer factsWrite.Close()
	answer, answerWrite, err := os.Pipe()
	if err != nil {
		return "", errors.Join(err, factsRead.Close())
	}
	defer answer.Close()
	c := exec.Command("/proc/self/exe")
	c.Args, c.Env, c.Dir = []string{"phased", recorderName}, []string{}, "/"
	c.ExtraFiles = append([]*os.File{factsRead, answerWrite}, callers...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = c.Start()
	if err = errors.Join(err, factsRead.Close(), answerWrite.Close()); err != nil {
		return "", fmt.Errorf("cannot start the recorder: %v", err)
	}
	file, err := handOver(factsWrite, answer, facts)
	if err != nil {
		return "", errors.Join(err, end(c))
	}
	return file, c.Process.Release()
}

// handOver tells the recorder the facts and waits for its answer: + and the file
// of the records, or - and what is wrong.
func handOver(facts, answer *os.File, text []byte) (string, error) {
	limit := time.Now().Add(recorderPatience)
	if err := errors.Join(facts.SetWriteDeadline(limit), answer.SetReadDeadline(limit)); err != nil {
		return "", err
	}
	_, writeErr := facts.Write(text)
	if err := errors.Join(writeErr, facts.Close()); err != nil {
		return "", fmt.Errorf("cannot tell the recorder what to record: %v", err)
	}
	b, err := io.ReadAll(answer)
	switch {
	case err != nil:
		return "", fmt.Errorf("the recorder does not answer: %v", err)
	case len(b) > 1 && b[0] == '+':
		return string(b[1:]), nil
	case len(b) > 1 && b[0] == '-':
		return "", errors.New(string(b[1:]))
	}
	return "", errors.New("the recorder has ended")
}

// end kills a recorder that cannot record.
func end(c *exec.Cmd) error {
	if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := c.Process.Wait()
	return err
}

// closeOnExec keeps the descriptors that the shell gave to this process from
// those that it starts.
func closeOnExec() error {
	err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, n := range names {
		if fd, err := strconv.Atoi(n.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// stopShell refuses to stop a run that is a shell's own.
func stopShell(r phased.Run) error {
	pid := "the script"
	if r.Session != nil {
		pid = "process " + strconv.Itoa(r.Session.Pid)
	}
	return invalid("stop: phased only records run %s: end the script that does it (%s)", r.ID, strings.TrimSpace(pid))
}
