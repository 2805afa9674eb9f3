package config

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phased/internal/phased"
)

// HookOption is one option that the header of a hook or a rule of the settings
// may give.
type HookOption struct {
	Key     string
	Example string // of a value
	List    bool   // it has several values, with commas between them
	// Executed says that only hooks that are executed may have it.
	Executed string // why; "": sourced ones may have it, too
	set      func(o *phased.HookOptions, value string) (fault string)
	take     func(dst, from *phased.HookOptions)
	text     func(o *phased.HookOptions) string
}

// Set takes one value; fault says what is wrong with it.
func (h HookOption) Set(o *phased.HookOptions, value string) (fault string) {
	if h.List && value == "" {
		return "a value is empty; expected such as " + h.Key + "=" + h.Example
	}
	return h.set(o, value)
}

// Take takes the value that another set of options has.
func (h HookOption) Take(dst, from *phased.HookOptions) { h.take(dst, from) }

// Text returns the value as it is written.
func (h HookOption) Text(o *phased.HookOptions) string { return h.text(o) }

// HookOptionOf returns the option of that key.
func HookOptionOf(key string) (HookOption, bool) {
	for _, h := range HookOptions() {
		if h.Key == key {
			return h, true
		}
	}
	return HookOption{}, false
}

// HookKeys returns the keys of all options.
func HookKeys() []string {
	all := HookOptions()
	keys := make([]string, len(all))
	for i, h := range all {
		keys[i] = h.Key
	}
	return keys
}

const (
	maxRetries = 100
	maxExit    = 255
	maxWord    = 64 // bytes of the name of a lock or of a notification
)

// Why a sourced hook may not have an option.
const (
	partOfShell = "is for hooks that are executed: a sourced hook is a part of its shell, which keeps what it starts and runs it at every point"
	oneShell    = "is for hooks that are executed: what a sourced hook has done to its shell cannot be undone for another attempt, and its exit status is its shell's"
)

// HookOptions returns the table of the options.
func HookOptions() []HookOption {
	return []HookOption{
		{
			Key: "timeout", Example: "5m", set: setTimeout,
			take: func(dst, from *phased.HookOptions) { dst.Timeout = from.Timeout },
			text: func(o *phased.HookOptions) string { return o.Timeout.String() },
		},
		{
			Key: "retries", Example: "2", Executed: oneShell, set: setRetries,
			take: func(dst, from *phased.HookOptions) { dst.Retries = from.Retries },
			text: func(o *phased.HookOptions) string { return strconv.Itoa(o.Retries) },
		},
		{
			Key: "backoff", Example: "10s", Executed: oneShell,
			set:  func(o *phased.HookOptions, v string) string { return setDuration(&o.Backoff, v, "10s") },
			take: func(dst, from *phased.HookOptions) { dst.Backoff = from.Backoff },
			text: func(o *phased.HookOptions) string { return o.Backoff.String() },
		},
		{
			Key: "lock", Example: "apt", List: true,
			set: func(o *phased.HookOptions, v string) string {
				return addWord(&o.Locks, v, v, "the name of a lock", "apt")
			},
			take: func(dst, from *phased.HookOptions) { dst.Locks = from.Locks },
			text: func(o *phased.HookOptions) string { return strings.Join(o.Locks, ",") },
		},
		{
			Key: "when", Example: "notified:nginx", List: true, Executed: partOfShell, set: setWhen,
			take: func(dst, from *phased.HookOptions) { dst.When = from.When },
			text: func(o *phased.HookOptions) string { return strings.Join(o.When, ",") },
		},
		{
			Key: "frequency", Example: "once", Executed: partOfShell,
			set: func(o *phased.HookOptions, v string) string {
				return setWord(&o.Frequency, v, phased.Always, phased.Once, phased.OncePerBoot, phased.OncePerContent)
			},
			take: func(dst, from *phased.HookOptions) { dst.Frequency = from.Frequency },
			text: func(o *phased.HookOptions) string { return string(o.Frequency) },
		},
		{
			Key: "allow-exit", Example: "3", List: true, Executed: oneShell,
			set:  func(o *phased.HookOptions, v string) string { return addStatus(&o.AllowExit, v, "3") },
			take: func(dst, from *phased.HookOptions) { dst.AllowExit = from.AllowExit },
			text: func(o *phased.HookOptions) string { return statuses(o.AllowExit) },
		},
		{
			Key: "skip-exit", Example: "4", List: true, Executed: oneShell,
			set:  func(o *phased.HookOptions, v string) string { return addStatus(&o.SkipExit, v, "4") },
			take: func(dst, from *phased.HookOptions) { dst.SkipExit = from.SkipExit },
			text: func(o *phased.HookOptions) string { return statuses(o.SkipExit) },
		},
		{
			Key: "secret", Example: "/etc/app/key", List: true, set: addSecret,
			take: func(dst, from *phased.HookOptions) { dst.Secrets = from.Secrets },
			text: func(o *phased.HookOptions) string { return texts(o.Secrets) },
		},
		{
			Key: "inputs", Example: "/etc/app/*.conf", List: true, set: addInput,
			take: func(dst, from *phased.HookOptions) { dst.Inputs = from.Inputs },
			text: func(o *phased.HookOptions) string { return texts(o.Inputs) },
		},
		{
			Key: "leak", Example: "kill", Executed: partOfShell,
			set: func(o *phased.HookOptions, v string) string {
				return setWord(&o.Leak, v, phased.LeakKeep, phased.LeakKill, phased.LeakFail)
			},
			take: func(dst, from *phased.HookOptions) { dst.Leak = from.Leak },
			text: func(o *phased.HookOptions) string { return string(o.Leak) },
		},
	}
}

func setTimeout(o *phased.HookOptions, value string) string {
	if value == "none" {
		o.Timeout = phased.NoLimit
		return ""
	}
	fault := setDuration(&o.Timeout, value, "5m")
	if fault == "" && o.Timeout == 0 {
		o.Timeout = phased.NoLimit
	}
	return fault
}

func setDuration(dst *phased.Duration, value, example string) string {
	v, err := ParseDuration(value)
	if err != nil {
		return fmt.Sprintf("expected a duration such as %s: %v", example, err)
	}
	*dst = phased.Duration(v)
	return ""
}

func setRetries(o *phased.HookOptions, value string) string {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > maxRetries {
		return fmt.Sprintf("expected a whole number from 0 to %d, not %s", maxRetries, QuoteShort(value))
	}
	o.Retries = n
	return ""
}

// setWord takes one of the known words.
func setWord[T ~string](dst *T, value string, known ...T) string {
	if slices.Contains(known, T(value)) {
		*dst = T(value)
		return ""
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	or := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	return fmt.Sprintf("expected %s, not %s%s", or, QuoteShort(value), didYouMean(value, words))
}

// addWord adds a value that has a name in it, which becomes the name of a file.
func addWord(dst *[]string, value, name, what, example string) string {
	if name == "" || len(name) > maxWord || strings.HasPrefix(name, ".") || strings.Trim(name, wordChars) != "" {
		return fmt.Sprintf("expected %s such as %s (letters, digits, . _ -; at most %d), not %s", what, example, maxWord, QuoteShort(value))
	}
	if !slices.Contains(*dst, value) {
		*dst = append(*dst, value)
	}
	return ""
}

const wordChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// setWhen adds a condition: notified:NAME, changed:NAME, which is the same, or
// changed:FILES.
func setWhen(o *phased.HookOptions, value string) string {
	kind, name, found := strings.Cut(value, ":")
	known := []string{phased.WhenNotified, phased.WhenChanged}
	switch {
	case !found && slices.Contains(known, kind):
		return fmt.Sprintf("expected notified:NAME, changed:NAME or changed:/PATH, not %s alone", QuoteShort(value))
	case !found || !slices.Contains(known, kind):
		return fmt.Sprintf("expected notified:NAME, changed:NAME or changed:/PATH, not %s%s", QuoteShort(value), didYouMean(kind, known))
	case kind == phased.WhenChanged && strings.HasPrefix(name, "/"):
		if _, err := path.Match(name, ""); err != nil {
			return QuoteShort(name) + " is no pattern of file names"
		}
		if !slices.Contains(o.When, value) {
			o.When = append(o.When, value)
		}
		return ""
	case kind == phased.WhenChanged && strings.Contains(name, "/"):
		return fmt.Sprintf("expected the path of a file from / on, such as changed:/etc/app.conf, or the name of a notification, not %s", QuoteShort(value))
	}
	return addWord(&o.When, value, name, "the name of a notification", "notified:nginx")
}

// addStatus adds an exit status, or several: 3, 10-12.
func addStatus(dst *[]int, value, example string) string {
	first, last, isRange := strings.Cut(value, "-")
	from, err := strconv.Atoi(first)
	to := from
	if isRange && err == nil {
		to, err = strconv.Atoi(last)
	}
	if err != nil || from < 1 || to > maxExit || from > to {
		return fmt.Sprintf("expected an exit status from 1 to %d such as %s, or a range such as 10-12, not %s", maxExit, example, QuoteShort(value))
	}
	for n := from; n <= to; n++ {
		if !slices.Contains(*dst, n) {
			*dst = append(*dst, n)
		}
	}
	slices.Sort(*dst)
	return ""
}

// statuses writes exit statuses as ranges.
func statuses(all []int) string {
	var words []string
	for i := 0; i < len(all); {
		j := i
		for j+1 < len(all) && all[j+1] == all[j]+1 {
			j++
		}
		word := strconv.Itoa(all[i])
		if j > i {
			word += "-" + strconv.Itoa(all[j])
		}
		words, i = append(words, word), j+1
	}
	return strings.Join(words, ",")
}

func addSecret(o *phased.HookOptions, value string) string {
	if !filepath.IsAbs(value) {
		return fmt.Sprintf("expected the absolute path of a file such as /etc/app/key, not %s", QuoteShort(value))
	}
	o.Secrets = append(o.Secrets, phased.Text(filepath.Clean(value)))
	return ""
}

func addInput(o *phased.HookOptions, value string) string {
	if _, err := path.Match(value, ""); err != nil {
		return QuoteShort(value) + " is no pattern of file names"
	}
	o.Inputs = append(o.Inputs, phased.Text(value))
	return ""
}

func texts(all []phased.Text) string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = string(t)
	}
	return strings.Join(words, ",")
}

// QuoteShort returns a word of a file as it can be printed.
func QuoteShort(word string) string {
	const most = 60
	if len(word) > most {
		word = word[:most] + "..."
	}
	return strconv.Quote(word)
}
