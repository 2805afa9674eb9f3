package web

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"

	"phased/internal/phased"
)

// hookLog is the output of a hook as a file of text: the bytes that it wrote, with a
// line where some are not on record. It is written as it is read.
func (s *Server) hookLog(w http.ResponseWriter, r *http.Request) error {
	run, _, err := s.runOf(w, r)
	if err != nil || run == nil {
		return err
	}
	phase, hook := r.PathValue("phase"), phased.Text(r.PathValue("hook"))
	if _, _, at := findHook(run, phase, hook); at < 0 || s.Hook == nil {
		return notFound("run %s has not run %s", run.ID, hookText(phase, hook))
	}
	if run.Start.Output == "inherited" {
		return notFound("the output of run %s was not recorded: its hooks had phased's own descriptors", run.ID)
	}
	stream := r.URL.Query().Get("stream")
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+fileName(run.ID, phase, string(hook))+`"`)
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	for e, err := range s.Hook(r.Context(), run.ID, phase, hook) {
		if err != nil { // too late for another answer
			fmt.Fprintf(out, "\n[the record cannot be read any further: %v]\n", err)
			return nil
		}
		switch d := e.Data.(type) {
		case phased.HookOutput:
			if stream == "" || stream == d.Stream {
				_, err = out.WriteString(string(d.Text))
			}
		case phased.HookCut:
			_, err = out.WriteString("\n" + s.words().Cut(d) + "\n")
		}
		if err != nil {
			return nil // whoever does not read it has gone
		}
	}
	return nil
}

// fileName is a name that is one on every system, whatever it is made of.
func fileName(parts ...string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, strings.Join(parts, "-"))
	return name[:min(len(name), 120)] + ".log"
}
