package executor

import (
	"strconv"

	"phased/internal/phased"
)

// failure is one failure that the shell has told of.
type failure struct {
	what    string
	status  int
	flags   string
	command string
	frames  []phased.Frame // innermost first, without phased's own
}

// readFailure reads what __phased_fail says.
func readFailure(r record) (failure, bool) {
	status, ok := index(r.field(0), 256)
	n, err := strconv.Atoi(r.field(3))
	if !ok || err != nil || n < 2 || len(r) != 5+3*n {
		return failure{}, false
	}
	f := failure{what: r.what(), status: status, flags: r.field(1), command: r.field(2)}
	for i := range n {
		line := 0
		if i > 0 {
			line, _ = strconv.Atoi(r.field(4 + 2*n + i - 1))
		}
		f.frames = append(f.frames, phased.Frame{Function: phased.Text(r.field(4 + i)), File: phased.Text(r.field(4 + n + i)), Line: line})
	}
	return f, true
}

// explain says where the hook failed.
func (s *Session) explain(run *sourcing, r *phased.Result, j *job) {
}

// warn tells of something about a hook that surprises.
func (s *Session) warn(h phased.Hook, code phased.WarningCode, message string) {
	s.setup.Sink.Tell(phased.HookWarning{Phase: h.Phase, Hook: h.Name, Code: code, Message: message, File: h.Path})
}
