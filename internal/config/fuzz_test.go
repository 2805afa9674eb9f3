package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Whatever the bytes, Parse returns settings or mistakes that have a place in
// the file, and never panics.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/wrong/*.yaml", "testdata/right/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("f", data)
		if err == nil {
			if s == nil || len(s.Roots) == 0 || s.Grace < 0 || s.Umask&^0o777 != 0 || s.OutputLimit < 1 {
				t.Fatalf("accepted %q as %+v", data, s)
			}
			return
		}
		var all Errors
		if s != nil || !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("%v is no Errors", err)
		}
		lines := 1
		for i := range data {
			if data[i] == '\n' || data[i] == '\r' || i > 1 && string(data[i-2:i+1]) >= "\u2028" && string(data[i-2:i+1]) <= "\u2029" || i > 0 && string(data[i-1:i+1]) == "\u0085" {
				lines++
			}
		}
		for i, e := range all {
			if e.File != "f" || e.Line < 1 || e.Line > lines+1 || e.Column < 1 || e.Message == "" {
				t.Fatalf("%q: mistake without a place: %+v", data, e)
			}
			if i > 0 && e.Line < all[i-1].Line {
				t.Fatalf("%q: mistakes are not in order: %v", data, all)
			}
		}
	})
}
