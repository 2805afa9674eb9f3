package plan

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// orderFindings checks what decides the order of the hooks of a phase.
func orderFindings(ph phased.PlannedPhase) []phased.Finding {
	if ph.Order != phased.Numeric {
		return nil
	}
	hooks := ph.Hooks()
	numbered := 0
	for _, h := range hooks {
		if h.Number != "" {
			numbered++
		}
	}
	var all []phased.Finding
	for i, h := range hooks {
		f := &finder{phase: ph.Name, file: h.Path}
		if h.Number == "" && len(hooks) > 1 {
			s, message := phased.SeverityInfo, "has no number; no hook of the phase has: they run in the byte order of their names"
			if numbered > 0 {
				s, message = phased.SeverityWarning, fmt.Sprintf("has no number, which counts as 0: it runs as %d of %d", i+1, len(hooks))
			}
			f.add(CodeNoNumber, s, 0, message, "begin the name with a number: 50-"+string(h.Name))
		}
		if i > 0 && onlyBytes(string(hooks[i-1].Name), string(h.Name)) {
			f.add(CodeTieByBytes, phased.SeverityWarning, 0,
				fmt.Sprintf("has the number of %s, and runs after it by the bytes of their names only: a person or another locale may expect otherwise", hooks[i-1].Name),
				"give them different numbers")
		}
		all = append(all, f.found...)
	}
	return all
}

// onlyBytes reports whether two hooks with equal numbers stand in an order that
// a dictionary, which knows neither case nor punctuation, does not have.
func onlyBytes(a, b string) bool {
	if compareNumbers(parseKey(a), parseKey(b)) != 0 {
		return false
	}
	return dictionary(a) >= dictionary(b)
}

func dictionary(name string) string {
	_, _, to := numberBounds(name)
	return strings.Map(func(r rune) rune {
		if r < 0x80 && !plainByte(byte(r)) || r == '-' || r == '_' {
			return -1
		}
		return r
	}, strings.ToLower(name[to:]))
}

// directories checks who can change what hooks there are.
func (c *checker) directories(phase string, dirs []phased.Text) []phased.Finding {
	var all []phased.Finding
	for _, d := range dirs {
		f := &finder{phase: phase, file: d}
		c.owner(f, string(d), "directory")
		all = append(all, f.found...)
	}
	return all
}

// owner checks who can write a file that root runs, or its directory.
func (c *checker) owner(f *finder, path, what string) {
	var st unix.Stat_t
	if ignoringEINTR(func() error { return unix.Stat(path, &st) }) != nil {
		return // gone since the plan was made
	}
	uid := os.Geteuid()
	switch {
	case st.Mode&0o002 != 0:
		f.add(CodeWritable, phased.SeverityError, 0, fmt.Sprintf("the %s can be written by everybody (mode %04o): whoever can write it decides what user %d runs", what, st.Mode&0o7777, uid), "chmod o-w")
	case st.Mode&0o020 != 0 && st.Gid != 0:
		f.add(CodeWritable, phased.SeverityWarning, 0, fmt.Sprintf("the %s can be written by its group %d (mode %04o): its members decide what user %d runs", what, st.Gid, st.Mode&0o7777, uid), "chmod g-w, or chgrp root")
	}
	if st.Uid != 0 && int(st.Uid) != uid {
		f.add(CodeOwner, phased.SeverityError, 0, fmt.Sprintf("the %s belongs to user %d: that user decides what user %d runs", what, st.Uid, uid), "chown root")
	}
}
