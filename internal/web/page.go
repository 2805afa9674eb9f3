package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"phased/internal/phased"
)

// page is what every page is given; Body is its own part.
type page struct {
	Title   string // of the window
	Here    string // key of the entry of the navigation that it belongs to: runs, plans
	Sheet   string // style sheet of its kind
	Host    string
	Version string
	Login   bool // there is a session that can be ended
	Body    any
}

// statusError is an answer other than 200, in words for the reader.
type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string { return e.message }

func notFound(format string, args ...any) error {
	return &statusError{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return &statusError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// parsePages reads templates/layout.html with each of the other pages. Every page
// has the parts.
func parsePages(functions template.FuncMap) (map[string]*template.Template, error) {
	names, err := fs.Glob(assets, "templates/*.html")
	if err != nil {
		return nil, err
	}
	shared, err := template.New("layout.html").Funcs(functions).ParseFS(assets, "templates/layout.html", "templates/parts/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		base := path.Base(name)
		if base == "layout.html" {
			continue
		}
		p, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if pages[base], err = p.ParseFS(assets, name); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// sheetOf returns the style sheet that a page has beside style.css.
func sheetOf(name string) string {
	switch name {
	case "run.html", "hook.html":
		return "run.css"
	case "runs.html", "login.html", "error.html":
		return "runs.css"
	}
	return "plans.css"
}

// show writes a page, whole or not at all.
func (s *Server) show(w http.ResponseWriter, code int, name string, p page) error {
	p.Sheet = sheetOf(name)
	p.Host, p.Version, p.Login = s.Host, s.Version, s.sessions != nil && p.Here != "login"
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "layout.html", p); err != nil {
		return fmt.Errorf("cannot make page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, err := b.WriteTo(w)
	if err != nil {
		s.Log.Debug("reader went away", "page", name, "error", err)
	}
	return nil
}

// answer turns a handler's error into a page that says what is wrong.
func (s *Server) answer(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil || r.Context().Err() != nil {
			return
		}
		code, message := http.StatusInternalServerError, err.Error()
		if e, ok := errors.AsType[*statusError](err); ok {
			code = e.code
		} else if errors.Is(err, phased.ErrNoRun) {
			code, message = http.StatusNotFound, "There is no such run on record: it may have been pruned."
		} else {
			s.Log.Error("cannot answer", "path", r.URL.Path, "error", err)
		}
		p := page{Title: http.StatusText(code), Body: message}
		if err := s.show(w, code, "error.html", p); err != nil {
			s.Log.Error("cannot answer", "path", r.URL.Path, "error", err)
			http.Error(w, message, code)
		}
	}
}

// static serves the files that pages load.
func (s *Server) static(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(r.URL.Path, "/")
	text, err := fs.ReadFile(assets, name)
	if err != nil {
		return notFound("there is no such file")
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(text) // whoever does not read it has gone
	return nil
}
