package plan

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"phased/internal/phased"
)

// nameVerdict decides whether a hook may be called so: VerdictRun, or the reason
// against it and the same in words. A filter of the settings takes the place of
// the default, ^[0-9A-Za-z_-]+$, as a whole.
func nameVerdict(name string, filter *regexp.Regexp) (phased.Verdict, string) {
	if filter != nil {
		if filter.MatchString(name) {
			return phased.VerdictRun, ""
		}
		return phased.VerdictNameFilter, "the name does not match the filter " + filter.String()
	}
	if plainName(name) {
		return phased.VerdictRun, ""
	}
	if what := leftover(name); what != "" {
		return phased.VerdictNameBackup, what
	}
	if strings.ContainsRune(name, '.') {
		return phased.VerdictNameHasDot, "a dot in the name"
	}
	return phased.VerdictNameChars, oddCharacter(name) + " in the name"
}

// plainName matches ^[0-9A-Za-z_-]+$ in ASCII, whatever the locale.
func plainName(name string) bool {
	for i := range len(name) {
		if !plainByte(name[i]) {
			return false
		}
	}
	return name != ""
}

func plainByte(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}

// leftover says who left a file of that name behind, or "".
func leftover(name string) string {
	const editor, packages, by = "an editor's leftover", "a package manager's leftover", "a backup"
	if strings.HasSuffix(name, "~") || strings.HasPrefix(name, ".#") ||
		len(name) > 1 && name[0] == '#' && name[len(name)-1] == '#' {
		return editor
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return ""
	}
	switch name[dot+1:] {
	case "swp", "swo", "swn", "swx":
		return editor
	case "dpkg-old", "dpkg-dist", "dpkg-new", "dpkg-tmp", "dpkg-bak", "dpkg-backup", "dpkg-remove",
		"ucf-old", "ucf-dist", "ucf-new", "rpmsave", "rpmnew", "rpmorig", "pacnew", "pacsave", "pacorig", "cfsaved":
		return packages
	case "bak", "backup", "old", "orig", "rej", "save":
		return by
	}
	return ""
}

// oddCharacter names the first character of a name that no tool runs.
func oddCharacter(name string) string {
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return fmt.Sprintf("the byte 0x%02x, not UTF-8,", name[i])
		case n == 1 && plainByte(name[i]):
		case r == ' ':
			return "a blank"
		case r == '\n':
			return "a newline"
		case r == '\t':
			return "a tab"
		default:
			return fmt.Sprintf("the character %q", r)
		}
		i += n
	}
	return "nothing"
}
