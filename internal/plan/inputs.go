package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// maxInputs bounds how many files the inputs of one hook may name: each of them
// is on record by name.
const maxInputs = 1000

// Inputs returns the files that a hook says it depends on, as they are now, by
// path. Relative patterns start at the directory that the hook lies in; a
// pattern without * ? [ names its file also where that is not there. What is no
// regular file counts by being there. Its error is an Errors.
func Inputs(e phased.Entry) ([]phased.Input, error) {
	var paths []string
	for _, p := range e.Inputs {
		pattern := string(p)
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(string(e.Path)), pattern)
		}
		if !strings.ContainsAny(pattern, `*?[\`) {
			paths = append(paths, filepath.Clean(pattern))
			continue
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, Errors{{File: string(e.Path), Message: "inputs: " + pattern + " is no pattern of file names"}}
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(paths) > maxInputs {
		return nil, Errors{{File: string(e.Path), Message: "inputs: they are more than 1000 files; name fewer, or one that changes with them"}}
	}
	all := make([]phased.Input, 0, len(paths))
	for _, path := range paths {
		in := phased.Input{Path: phased.Text(path)}
		sum, there := fileDigest(path)
		if !there {
			continue
		}
		in.Digest = sum
		all = append(all, in)
	}
	return all, nil
}

// fileDigest sums up a regular file. A FIFO or a device is not waited for.
func fileDigest(path string) (sum string, there bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		_, lerr := os.Lstat(path)
		return "", lerr == nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", true
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", true
	}
	return hex.EncodeToString(h.Sum(nil)), true
}

// digestInputs adds to each hook of the plan the files that it depends on.
func digestInputs(p *phased.Plan) error {
	var errs Errors
	for i := range p.Phases {
		for j := range p.Phases[i].Entries {
			e := &p.Phases[i].Entries[j]
			if e.Verdict != phased.VerdictRun || len(e.Inputs) == 0 {
				continue
			}
			var err error
			e.InputFiles, err = Inputs(*e)
			errs = errs.with(err)
		}
	}
	return errs.orNil()
}

// InputsChanged returns the first file that is not as it was, in words; "" where
// all are.
func InputsChanged(was, is []phased.Input) string {
	then := make(map[phased.Text]string, len(was))
	for _, in := range was {
		then[in.Path] = in.Digest
	}
	for _, in := range is {
		digest, known := then[in.Path]
		switch {
		case !known:
			return string(in.Path) + " (new)"
		case digest != in.Digest:
			return string(in.Path)
		}
		delete(then, in.Path)
	}
	for _, in := range was {
		if _, left := then[in.Path]; left {
			return string(in.Path) + " (gone)"
		}
	}
	return ""
}
