package executor

import (
	"os"
	"strings"

	"phased/internal/phased"
)

// readTraps returns what trap -p prints, by signal: commands as they are quoted.
func readTraps(text string) map[string]string {
	traps := map[string]string{}
	for {
		_, rest, ok := strings.Cut(text, "trap -- '")
		if !ok {
			return traps
		}
		end := 0
		for { // '\'' goes on
			i := strings.IndexByte(rest[end:], '\'')
			if i < 0 {
				return traps
			}
			if end += i + 1; !strings.HasPrefix(rest[end:], `\''`) {
				break
			}
			end += len(`\''`)
		}
		command := "'" + rest[:end]
		name, more, _ := strings.Cut(strings.TrimPrefix(rest[end:], " "), "\n")
		traps[name] = command
		text = more
	}
}

// arm sets the traps that tell where the hook fails, where that changes nothing
// that the hook could see by accident: it has no ERR trap of its own, and does
// not speak of any.
func (s *Session) arm(h phased.Hook) string {
	if s.Blind {
		return s.disarm()
	}
	text := ""
	if t := s.traps["EXIT"]; !strings.HasPrefix(t, "'{ __phased_exit") {
		text += "'builtin' trap -- " + quote(exitTrap) + t + " EXIT; "
	}
	if s.dirty {
		text += "__phased_failures=; "
		s.dirty = false
	}
	own := s.armed
	if _, has := s.traps["ERR"]; has && !own || strings.Contains(s.flags, "E") || s.speaksOfErr(h) {
		return s.disarm() + text
	}
	s.armed, s.run.armed = true, true
	if own {
		return text
	}
	return text + "'builtin' trap -- " + quote(errTrap) + " ERR; "
}

// disarm takes the ERR trap away.
func (s *Session) disarm() string {
	if !s.armed {
		return ""
	}
	s.armed = false
	delete(s.traps, "ERR")
	return disarmed
}

const disarmed = "'builtin' trap - ERR; "

// speaksOfErr reports whether the text of the hook may have to do with ERR
// traps. What cannot be read is left alone.
func (s *Session) speaksOfErr(h phased.Hook) bool {
	if s.phase.Localrc {
		return false
	}
	path := s.seen(string(h.Path))
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return true
	}
	k := textKey{path, st.ModTime().UnixNano(), st.Size()}
	if speaks, known := s.speaks[k]; known {
		return speaks
	}
	p, err := readRegular(path)
	if err != nil {
		return true
	}
	if s.speaks == nil {
		s.speaks = map[textKey]bool{}
	}
	s.speaks[k] = speaksOfErr(string(p))
	return s.speaks[k]
}

// textKey tells one content of a file from another, well enough for one run.
type textKey struct {
	path  string
	mtime int64
	size  int64
}

func speaksOfErr(t string) bool {
	if strings.Contains(t, "errtrace") || strings.Contains(t, "extdebug") {
		return true
	}
	if strings.Contains(t, "ERR") && strings.Contains(t, "trap") {
		return true
	}
	for rest := t; ; {
		_, after, ok := strings.Cut(rest, "set -")
		if !ok {
			return false
		}
		letters, _, _ := strings.Cut(after, " ")
		letters, _, _ = strings.Cut(letters, "\n")
		if strings.Contains(letters, "E") {
			return true
		}
		rest = after
	}
}
