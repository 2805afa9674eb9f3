package compat

import (
	"encoding/binary"
	"strings"
	"time"
)

// localZone returns the zone that date(1) shows times in: that of TZ, which may
// also be a rule such as EST5EDT where no zone file has that name.
func (e *Env) localZone() *time.Location {
	tz, set := e.lookup("TZ")
	name := strings.TrimPrefix(tz, ":")
	if !set || name == "" || name == "UTC" || strings.HasPrefix(name, "/") {
		return time.Local
	}
	if loc, err := time.LoadLocation(name); err == nil {
		return loc
	}
	return ruleZone(name)
}

// ruleZone returns the zone of a POSIX rule. The C library takes anything else
// for UTC under the name that it begins with.
func ruleZone(rule string) *time.Location {
	loc, err := time.LoadLocationFromTZData(rule, zoneFile(rule))
	name, rest := ruleName(rule)
	if err != nil || rest == "" {
		return time.FixedZone(name, 0)
	}
	// A rule that cannot be read leaves the file's own name, which is no name.
	if abbreviation, _ := time.Now().In(loc).Zone(); abbreviation == unreadRule {
		return time.FixedZone(name, 0)
	}
	return loc
}

// ruleName cuts off the abbreviation that a rule begins with: at least three
// letters, or anything in angle brackets.
func ruleName(rule string) (name, rest string) {
	if quoted, ok := strings.CutPrefix(rule, "<"); ok {
		if name, rest, ok := strings.Cut(quoted, ">"); ok {
			return name, rest
		}
		return "", ""
	}
	rest = strings.TrimLeft(rule, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
	if name = rule[:len(rule)-len(rest)]; len(name) < 3 {
		return "", ""
	}
	return name, rest
}

const unreadRule = "?"

// zoneFile is a zone file without any transition but the rule, which is how
// package time can be given one.
func zoneFile(rule string) []byte {
	header := func(version byte) []byte {
		h := append([]byte("TZif"), version)
		h = append(h, make([]byte, 15)...)
		for _, n := range []uint32{0, 0, 0, 0, 1, uint32(len(unreadRule) + 1)} {
			h = binary.BigEndian.AppendUint32(h, n)
		}
		return h
	}
	zone := append([]byte{0, 0, 0, 0, 0, 0}, unreadRule+"\x00"...)
	var f []byte
	f = append(append(f, header('2')...), zone...)
	f = append(append(f, header('2')...), zone...)
	return append(f, "\n"+rule+"\n"...)
}
