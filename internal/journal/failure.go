package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"phased/internal/phased"
	"phased/internal/trust"
)

// FailureFiles is where a failure's story lies.
type FailureFiles struct {
	Dir  string // failures/<run id>
	JSON string // failure.json: a FailureStory
	Log  string // hook.log: the failed hook's output; "" where none was captured
}

// FailureStory is the content of failure.json, which hooks of the failure phase
// find by PHASED_FAILURE.
type FailureStory struct {
	Run         string              `json:"run" doc:"run id"`
	Lifecycle   string              `json:"lifecycle" doc:"lifecycle"`
	Personality string              `json:"personality,omitempty" doc:"name that the run came in under"`
	Base        phased.Text         `json:"base" doc:"base directory"`
	Host        string              `json:"host" doc:"host name"`
	Began       time.Time           `json:"began" doc:"start of the run"`
	At          time.Time           `json:"at" doc:"when this was written"`
	Failure     phased.Failure      `json:"failure" doc:"phase, hook, path, exit"`
	Output      string              `json:"output" doc:"captured, inherited or tee"`
	Log         phased.Text         `json:"log,omitempty" doc:"file with the hook's output, stdout and stderr as they came"`
	Dropped     int64               `json:"log_dropped,omitempty" doc:"bytes that the log lacks, from its middle"`
	Starts      []phased.Descriptor `json:"output_starts,omitempty" doc:"inherited output that is a file: where the hook's output starts in it"`
	Ends        []phased.Descriptor `json:"output_ends,omitempty" doc:"and where it ends"`
}

// WriteFailure writes failure.json and hook.log from what is on record of the
// run, for the hooks of the failure phase. They are for their owner only, and
// are removed with the run.
func (s *Store) WriteFailure(id string, f phased.Failure) (FailureFiles, error) {
	files, err := s.writeFailure(id, f)
	if err != nil {
		return FailureFiles{}, fmt.Errorf("cannot write the failure of run %s: %w", id, err)
	}
	return files, nil
}

func (s *Store) writeFailure(id string, f phased.Failure) (FailureFiles, error) {
	if err := s.writable(); err != nil {
		return FailureFiles{}, err
	}
	src, err := s.openRun(id, os.O_RDONLY)
	if err != nil {
		return FailureFiles{}, err
	}
	defer src.Close()
	dir := s.path(failuresDir, id)
	if _, err := s.makeDir(dir, 0o700); err != nil {
		return FailureFiles{}, err
	}
	if err := trust.OwnDir(dir); err != nil {
		return FailureFiles{}, err
	}
	files := FailureFiles{Dir: dir, JSON: dir + "/failure.json", Log: dir + "/hook.log"}
	log, err := createPrivate(files.Log)
	if err != nil {
		return FailureFiles{}, err
	}
	run := phased.Run{ID: id}
	err = extract(newReader(src, src.Name(), id), &run, f, log)
	if err = errors.Join(err, log.Close()); err != nil {
		return FailureFiles{}, err
	}
	story := FailureStory{
		Run: id, Lifecycle: run.Start.Lifecycle, Personality: run.Start.Personality, Base: run.Start.Base, Host: run.Start.Host,
		Began: run.Began, At: time.Now().UTC(), Failure: f, Output: run.Start.Output,
	}
	if h := run.Hook(f.Phase, f.Hook); h != nil {
		story.Dropped, story.Starts, story.Ends = h.Dropped, h.Files, h.Ends
	}
	if run.Start.Output == "inherited" || f.Hook == "" {
		if err := os.Remove(files.Log); err != nil {
			return FailureFiles{}, err
		}
		files.Log = ""
	}
	story.Log = phased.Text(files.Log)
	return files, writeStory(files.JSON, story)
}

func writeStory(path string, story FailureStory) error {
	out, err := createPrivate(path)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return errors.Join(enc.Encode(story), out.Close())
}

func createPrivate(path string) (*os.File, error) {
	return regular(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// extract folds the run and writes the output of the failed hook to log.
func extract(r *reader, run *phased.Run, f phased.Failure, log io.Writer) error {
	w := bufio.NewWriterSize(log, 64<<10)
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return w.Flush()
		}
		if err != nil {
			return err
		}
		e, err := r.decode(rec)
		if err != nil {
			return err
		}
		run.Apply(e)
		if o, ok := e.Data.(phased.HookOutput); ok && f.Hook != "" && o.Phase == f.Phase && o.Hook == f.Hook {
			if _, err := w.WriteString(string(o.Text)); err != nil {
				return err
			}
		}
	}
}
