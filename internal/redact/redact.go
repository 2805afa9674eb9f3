// Package redact owns which names are secret and how their values are kept out
// of text. It knows no settings and no files: text in, text out.
package redact

import (
	"slices"
	"strings"
)

// Mark stands where a secret stood.
const Mark = "[secret]"

// Names are patterns of names whose values are secret: * stands for any
// characters, and case does not matter.
type Names []string

// DefaultNames are the patterns that are always in force.
func DefaultNames() Names {
	return Names{
		"*PASSWORD*", "*PASSWD*", "*PASSPHRASE*", "*TOKEN*", "*SECRET*", "*CREDENTIAL*", "*PRIVATE_KEY*", "*PRIVATEKEY*",
		"*API_KEY*", "*APIKEY*", "*ACCESS_KEY*", "*ENCRYPTION_KEY*", "*AUTH_KEY*", "*_PASS", "PASS", "*_PWD", "PGPASS*",
	}
}

// Match reports whether name is secret.
func (n Names) Match(name string) bool {
	upper := strings.ToUpper(name)
	return slices.ContainsFunc(n, func(p string) bool { return match(strings.ToUpper(p), upper) })
}

// match matches a pattern whose only special character is *.
func match(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], next
	}
}
