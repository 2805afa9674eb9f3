package web

import (
	"fmt"
	"net/http"

	"phased/internal/phased"
)

// runsBody is the list of runs.
type runsBody struct {
	Runs []phased.Summary
}

// runsPage lists the runs, newest first.
func (s *Server) runsPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Source.Runs(r.Context())
	if err != nil {
		return fmt.Errorf("cannot read the record: %w", err)
	}
	return s.show(w, http.StatusOK, "runs.html", page{Title: "Runs", Here: "runs", Body: runsBody{all}})
}
