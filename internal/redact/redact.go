// Package redact owns what is secret, in which forms it is written, and how it is kept out
// of text. It knows no settings and no files: text in, text out.
package redact

import (
	"slices"
	"strings"
)

// Mark stands where a secret stood.
const Mark = "[secret]"

// Names are patterns of names whose values are secret: * stands for any
// characters, ? for one, and case does not matter.
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

// match matches a pattern in which * and ? are special. After a * it goes on
// with the shortest text that will do, and comes back for a longer one.
func match(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
