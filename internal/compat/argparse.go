package compat

import (
	"fmt"
	"slices"
	"strings"
)

// option is one option of os-refresh-config.
type option struct {
	names   []string
	metavar string // "" for a flag
	help    string
	choices []string
	number  bool
}

// takesValue reports whether the option has an argument.
func (o option) takesValue() bool { return o.metavar != "" }

// name is what messages call the option: all its names, joined by slashes.
func (o option) name() string { return strings.Join(o.names, "/") }

// orcOptions are the options of os-refresh-config, in the order of its help.
func orcOptions() []option {
	levels := []string{"ERROR", "WARN", "CRITICAL", "INFO", "DEBUG"}
	return []option{
		{names: []string{"-h", "--help"}, help: "show this help message and exit"},
		{names: []string{"--print-base"}, help: "Print base dir and exit"},
		{names: []string{"--print-phases"}, help: "Print phases (tab separated) and exit"},
		{names: []string{"--log-level"}, metavar: "{" + strings.Join(levels, ",") + "}", choices: levels},
		{names: []string{"--lockfile"}, metavar: "LOCKFILE", help: "Lock file to prevent multiple running copies."},
		{names: []string{"--timeout"}, metavar: "TIMEOUT", help: "Seconds until the current run will be terminated.", number: true},
	}
}

// orcArgs is a parsed command line of os-refresh-config.
type orcArgs struct {
	help        bool
	printBase   bool
	printPhases bool
	logLevel    string
	lockFile    string
	timeout     pyInt // of 0: none
}

// word is one argument and what it was taken for.
type word struct {
	text     string
	option   *option
	optional bool    // it looks like an option, known or not
	explicit *string // what stood behind "=" or a joined short option
}

// parseArgs reads a command line as Python's argparse does: unique prefixes,
// --option=value, the last one wins, --help at once, and all that is left over
// refused at the end. The error is a usage error.
func parseArgs(args []string) (orcArgs, error) {
	opts := orcOptions()
	a := orcArgs{logLevel: "INFO", lockFile: defaultLockFile}
	words, err := classify(opts, args)
	if err != nil {
		return a, err
	}
	var extras []string
	for i := 0; i < len(words); {
		w := words[i]
		if !w.optional || w.option == nil {
			extras = append(extras, w.text)
			i++
			continue
		}
		n, err := a.take(opts, words[i:])
		if err != nil || a.help {
			return a, err
		}
		i += n
	}
	if len(extras) > 0 {
		return a, fmt.Errorf("unrecognized arguments: %s", strings.Join(extras, " "))
	}
	return a, nil
}

// classify tells options from other arguments.
func classify(opts []option, args []string) ([]word, error) {
	words := make([]word, len(args))
	for i, arg := range args {
		if arg == "--" { // all that follows is no option
			for j := i; j < len(args); j++ {
				words[j] = word{text: args[j]}
			}
			break
		}
		w, err := classifyOne(opts, arg)
		if err != nil {
			return nil, err
		}
		words[i] = w
	}
	return words, nil
}

func classifyOne(opts []option, arg string) (word, error) {
	w := word{text: arg}
	if len(arg) < 2 || arg[0] != '-' {
		return w, nil
	}
	if o := find(opts, arg); o != nil {
		w.option, w.optional = o, true
		return w, nil
	}
	name, value, hasValue := strings.Cut(arg, "=")
	if o := find(opts, name); hasValue && o != nil {
		w.option, w.optional, w.explicit = o, true, &value
		return w, nil
	}
	found, names, explicit := candidates(opts, arg)
	switch {
	case len(found) > 1:
		return w, fmt.Errorf("ambiguous option: %s could match %s", arg, strings.Join(names, ", "))
	case len(found) == 1:
		w.option, w.optional, w.explicit = found[0], true, explicit
	case isNegativeNumber(arg), strings.Contains(arg, " "):
	default:
		w.optional = true
	}
	return w, nil
}

// candidates are the options that arg may be short for.
func candidates(opts []option, arg string) (found []*option, names []string, explicit *string) {
	if strings.HasPrefix(arg, "--") {
		prefix, value, hasValue := strings.Cut(arg, "=")
		for i := range opts {
			for _, n := range opts[i].names {
				if strings.HasPrefix(n, prefix) {
					found, names = append(found, &opts[i]), append(names, n)
				}
			}
		}
		if hasValue {
			explicit = &value
		}
		return found, names, explicit
	}
	if o := find(opts, arg[:2]); o != nil {
		rest := arg[2:]
		return []*option{o}, []string{arg[:2]}, &rest
	}
	return nil, nil, nil
}

func find(opts []option, name string) *option {
	for i := range opts {
		if slices.Contains(opts[i].names, name) {
			return &opts[i]
		}
	}
	return nil
}

func isNegativeNumber(arg string) bool {
	whole, fraction, dot := strings.Cut(strings.TrimPrefix(arg, "-"), ".")
	return digits(whole) && (!dot && whole != "" || dot && fraction != "" && digits(fraction))
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// take consumes the option at the head of words and returns how many words it
// took.
func (a *orcArgs) take(opts []option, words []word) (int, error) {
	w := words[0]
	if !w.option.takesValue() {
		return 1, a.takeFlags(opts, w)
	}
	switch {
	case w.explicit != nil:
		return 1, a.set(w.option, *w.explicit)
	case len(words) > 1 && !words[1].optional && words[1].text != "--":
		return 2, a.set(w.option, words[1].text)
	}
	return 0, fmt.Errorf("argument %s: expected one argument", w.option.name())
}

// takeFlags sets a flag, and those that are joined to a short one: -hh.
func (a *orcArgs) takeFlags(opts []option, w word) error {
	if w.explicit == nil {
		return a.set(w.option, "")
	}
	rest := *w.explicit
	for short := !strings.HasPrefix(w.text, "--"); ; {
		if !short || rest == "" || find(opts, "-"+rest[:1]) == nil {
			return fmt.Errorf("argument %s: ignored explicit argument %s", w.option.name(), pyRepr(rest))
		}
		if rest = rest[1:]; rest == "" {
			return a.set(w.option, "")
		}
	}
}

// set stores one option.
func (a *orcArgs) set(o *option, value string) error {
	if len(o.choices) > 0 && !slices.Contains(o.choices, value) {
		var quoted []string
		for _, c := range o.choices {
			quoted = append(quoted, pyRepr(c))
		}
		return fmt.Errorf("argument %s: invalid choice: %s (choose from %s)", o.name(), pyRepr(value), strings.Join(quoted, ", "))
	}
	switch o.names[len(o.names)-1] {
	case "--help":
		a.help = true
	case "--print-base":
		a.printBase = true
	case "--print-phases":
		a.printPhases = true
	case "--log-level":
		a.logLevel = value
	case "--lockfile":
		a.lockFile = value
	case "--timeout":
		n, ok := parsePyInt(value)
		if !ok {
			return fmt.Errorf("argument %s: invalid int value: %s", o.name(), pyRepr(value))
		}
		a.timeout = n
	}
	return nil
}
