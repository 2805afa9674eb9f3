package devstack

import (
	"fmt"
	"strings"
)

// sections is a local.conf taken apart.
type sections struct {
	localrc  string // line by line where the file has it; what is not localrc is empty
	warnings []Warning
	errs     Errors
}

const wantHeader = "a section starts with [[local|localrc]]"

// split takes a local.conf apart. Several localrc sections are one, as in
// DevStack. Sections of other names are left out and named.
func split(file string, text []byte) sections {
	var s sections
	var localrc strings.Builder
	const (
		before = iota // no section yet
		within        // in a localrc section
		other
	)
	state, seen, toldBefore, toldReturn, pending := before, false, false, false, 0
	fail := func(line int, message string) {
		s.errs = append(s.errs, &Error{File: file, Line: line, Message: message})
	}
	body := strings.TrimPrefix(string(text), "\xef\xbb\xbf")
	n := 0
	for line := range strings.Lines(body) {
		n++
		line = strings.TrimSuffix(line, "\n")
		plain := strings.TrimSuffix(line, "\r")
		group, target, kind := header(plain)
		switch {
		case kind == headerBad:
			fail(n, fmt.Sprintf("%q is no section: expected [[GROUP|FILE]]; %s", cut(plain), wantHeader))
			state = other
		case kind == headerGood && group == "local" && target == "localrc":
			state, seen = within, true
		case kind == headerGood:
			state = other
			s.warnings = append(s.warnings, Warning{file, n, fmt.Sprintf("section [[%s|%s]] is not read: phased writes no configuration files of services", group, target)})
		case state == within:
			if strings.Contains(line, "\x00") {
				fail(n, "a byte 0 in a line: bash would drop it; is this a text file?")
			}
			if strings.HasSuffix(line, "\r") && !toldReturn {
				toldReturn = true
				fail(n, "the line ends in CR LF, and bash would take the CR into values: end lines in LF alone (sed -i 's/\\r$//' FILE)")
			}
			localrc.WriteString(strings.Repeat("\n", pending) + line + "\n")
			pending = 0
			continue
		case state == before && !toldBefore && strings.TrimSpace(plain) != "" && !strings.HasPrefix(strings.TrimSpace(plain), "#"):
			toldBefore = true
			fail(n, fmt.Sprintf("%q comes before the first section: expected comments and empty lines only; %s", cut(plain), wantHeader))
		}
		pending++
	}
	if !seen && len(s.errs) == 0 {
		s.warnings = append(s.warnings, Warning{file, 0, "it has no section [[local|localrc]]: nothing of it is used"})
	}
	s.localrc = localrc.String()
	return s
}

const (
	headerNone = iota
	headerGood
	headerBad
)

// header reads a line as [[GROUP|FILE]]. Blanks within are allowed, as in
// DevStack's pages. A bash test, which has a blank behind its brackets and no
// single bar, is none; what no bash test can be is a bad one.
func header(line string) (group, target string, kind int) {
	rest, found := strings.CutPrefix(line, "[[")
	if !found || rest == "" {
		return "", "", headerNone
	}
	tight := isName(rest[0])
	inner, behind, closed := strings.Cut(rest, "]]")
	group, target, bar := strings.Cut(inner, "|")
	group, target = strings.TrimSpace(group), strings.TrimSpace(target)
	if closed && bar && strings.TrimSpace(behind) == "" && isWord(group) && target != "" && target[0] != '|' {
		return group, target, headerGood
	}
	if tight {
		return "", "", headerBad
	}
	return "", "", headerNone
}

// isWord says that s can be the name of a group: letters, digits, - and _.
func isWord(s string) bool {
	for i := range len(s) {
		if !isName(s[i]) && s[i] != '-' {
			return false
		}
	}
	return s != ""
}

func isName(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// cut shortens what is quoted in a message: the lines of a localrc may be long.
// What stands behind an equals sign may be a password and is left out.
func cut(s string) string {
	if name, _, found := strings.Cut(s, "="); found {
		s = name + "=..."
	}
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}
