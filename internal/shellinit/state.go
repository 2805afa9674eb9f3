package shellinit

import (
	"slices"
	"strconv"
	"strings"

	"phased/internal/phased"
)

// states is how many fields the state of a shell takes: SHELLOPTS BASHOPTS IFS
// directory umask traps.
const states = 6

// state is what a hook may leave changed, as far as a shell tells it without a
// fork.
type state struct {
	set, shopt []string // switched on, sorted
	ifs        string   // "=" before it; "": not set
	dir        phased.Text
	umask      string
	traps      map[string]string // by signal, without SIG
}

func parseState(r []string) *state {
	return &state{
		set: words(r[0]), shopt: words(r[1]), ifs: r[2], dir: phased.Text(r[3]),
		umask: strings.TrimSpace(r[4]), traps: parseTraps(r[5]),
	}
}

func words(list string) []string {
	all := strings.FieldsFunc(list, func(c rune) bool { return c == ':' })
	slices.Sort(all)
	return slices.Compact(all)
}

// onlySet returns the options of set, less those that every script has.
func (s *state) onlySet() []string {
	var on []string
	for _, o := range s.set {
		switch o {
		case "braceexpand", "hashall", "interactive-comments":
		default:
			on = append(on, clean(o, 40))
		}
	}
	return on
}

func (s *state) umaskNumber() int {
	n, err := strconv.ParseUint(s.umask, 8, 12)
	if err != nil {
		return -1
	}
	return int(n)
}

// parseTraps reads what trap -p prints: trap -- 'COMMAND' SIGNAL, a quote in the
// command being '\”.
func parseTraps(text string) map[string]string {
	traps := map[string]string{}
	for text != "" {
		rest, ok := strings.CutPrefix(text, "trap -- '")
		if !ok {
			return traps
		}
		var command strings.Builder
		for {
			part, after, found := strings.Cut(rest, "'")
			if !found {
				return traps
			}
			command.WriteString(part)
			if rest, ok = strings.CutPrefix(after, `\''`); !ok {
				rest = after
				break
			}
			command.WriteByte('\'')
		}
		name, after, _ := strings.Cut(rest, "\n")
		traps[strings.TrimPrefix(strings.TrimSpace(name), "SIG")] = command.String()
		text = after
	}
	return traps
}

// warnings tell what a hook has left changed that surprises those who come
// after it.
func warnings(was, is *state) []phased.HookWarning {
	if was == nil || is == nil {
		return nil
	}
	var all []phased.HookWarning
	warn := func(code phased.WarningCode, message string) {
		all = append(all, phased.HookWarning{Code: code, Message: message})
	}
	options(was.set, is.set, "", warn)
	options(was.shopt, is.shopt, "shopt ", warn)
	if was.ifs != is.ifs {
		warn(phased.WarnIFS, "left IFS changed")
	}
	if was.dir != is.dir {
		warn(phased.WarnDirectory, "left another working directory: "+clean(string(is.dir), 4096))
	}
	if was.umask != is.umask {
		warn(phased.WarnUmask, "left another umask: "+clean(is.umask, 10)+", was "+clean(was.umask, 10))
	}
	if changed := changedTraps(was.traps, is.traps); len(changed) > 0 {
		warn(phased.WarnTrap, "left other traps: "+strings.Join(changed, ", "))
	}
	return all
}

// options tells of options that were switched.
func options(was, is []string, of string, warn func(phased.WarningCode, string)) {
	for _, o := range is {
		if !slices.Contains(was, o) {
			warn(codeOf(o, true), "left "+of+clean(o, 40)+" on")
		}
	}
	for _, o := range was {
		if !slices.Contains(is, o) {
			warn(codeOf(o, false), "left "+of+clean(o, 40)+" off")
		}
	}
}

func codeOf(option string, on bool) phased.WarningCode {
	switch {
	case option == "errexit" && on:
		return phased.WarnErrexitOn
	case option == "errexit":
		return phased.WarnErrexitOff
	case option == "xtrace":
		return phased.WarnXtrace
	case option == "noglob":
		return phased.WarnNoglob
	}
	return phased.WarnOption
}

func changedTraps(was, is map[string]string) []string {
	var names []string
	for name, command := range is {
		if old, ok := was[name]; !ok || old != command {
			names = append(names, clean(name, 20))
		}
	}
	for name := range was {
		if _, ok := is[name]; !ok {
			names = append(names, clean(name, 20))
		}
	}
	slices.Sort(names)
	return names
}
