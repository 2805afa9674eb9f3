package config

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

const day = 24 * time.Hour

// ParseDuration reads a length of time as the settings and the flags have it:
// Go's syntax and whole or broken days ("90d", "1d12h", "30s", "0"). It must
// not be negative.
func ParseDuration(s string) (time.Duration, error) {
	rest, days := s, time.Duration(0)
	if head, tail, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseFloat(head, 64)
		if err != nil || strings.Trim(head, "0123456789.") != "" || n*float64(day) >= math.MaxInt64 {
			return 0, notDuration(s)
		}
		rest, days = tail, time.Duration(n*float64(day))
	}
	var v time.Duration
	if rest != "" || days == 0 && !strings.Contains(s, "d") {
		var err error
		if v, err = time.ParseDuration(rest); err != nil {
			return 0, notDuration(s)
		}
	}
	if strings.HasPrefix(strings.TrimSpace(s), "-") || v < 0 {
		return 0, fmt.Errorf("%q is negative", s)
	}
	if v > math.MaxInt64-days {
		return 0, fmt.Errorf("%q is too long", s)
	}
	return days + v, nil
}

func notDuration(s string) error {
	if s != "" && strings.Trim(s, "0123456789") == "" {
		return fmt.Errorf("%q has no unit; write %ss, %sm or %sh", s, s, s, s)
	}
	return fmt.Errorf("%q is not a duration", s)
}

// ParseSize reads a number of bytes as the settings and the flags have it:
// "8MiB", "512KiB", "1GiB", "2TiB", or bytes alone.
func ParseSize(s string) (int64, error) {
	number, shift := strings.TrimSuffix(s, "B"), 0
	if number != s {
		for i, unit := range []string{"Ki", "Mi", "Gi", "Ti"} {
			if n, found := strings.CutSuffix(number, unit); found {
				number, shift = n, 10*(i+1)
				break
			}
		}
	}
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if errors.Is(err, strconv.ErrRange) || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return n << shift, nil
}

// key returns the last word of a whole key, for examples.
func key(at string) string { return at[strings.LastIndexByte(at, '.')+1:] }

func (d *decoder) duration(n *yaml.Node, at, example string) (time.Duration, bool) {
	v, n, ok := d.scalar(n, at, "a duration", key(at)+": "+example)
	if !ok {
		return 0, false
	}
	t, err := ParseDuration(v)
	if err != nil {
		d.errorf(n, "%s: expected a duration such as `%s: %s`: %v", at, key(at), example, err)
	}
	return t, err == nil
}

func (d *decoder) size(n *yaml.Node, at, example string) (int64, bool) {
	v, n, ok := d.scalar(n, at, "a size", key(at)+": "+example)
	if !ok {
		return 0, false
	}
	t, err := ParseSize(v)
	if err != nil {
		d.errorf(n, "%s: expected a size in bytes, KiB, MiB or GiB such as `%s: %s`: %v", at, key(at), example, err)
	}
	return t, err == nil
}

// outputLimit reads a size that is not 0: a hook without any record of what it
// said helps nobody, and no limit at all fills the disk.
func (d *decoder) outputLimit(n *yaml.Node, at string) (int64, bool) {
	v, ok := d.size(n, at, "8MiB")
	if ok && v == 0 {
		d.errorf(n, "%s: must not be 0; expected a size such as `output-limit: 8MiB`", at)
		return 0, false
	}
	return v, ok
}

func (d *decoder) count(n *yaml.Node, at, example string) (int, bool) {
	v, n, ok := d.scalar(n, at, "a whole number", key(at)+": "+example)
	if !ok {
		return 0, false
	}
	t, err := strconv.Atoi(v)
	if err != nil || t < 0 || n.ShortTag() != "!!int" {
		d.errorf(n, "%s: expected a whole number, 0 or more, such as `%s: %s`, not %s", at, key(at), example, describe(n))
		return 0, false
	}
	return t, true
}

func (d *decoder) boolean(n *yaml.Node, at string) (bool, bool) {
	v, n, ok := d.scalar(n, at, "true or false,", key(at)+": true")
	if !ok {
		return false, false
	}
	if n.ShortTag() != "!!bool" {
		d.errorf(n, "%s: expected true or false, not %s", at, describe(n))
		return false, false
	}
	return strings.EqualFold(v, "true"), true
}

func (d *decoder) choice(n *yaml.Node, at string, known ...string) (string, bool) {
	or := strings.Join(known[:len(known)-1], ", ") + " or " + known[len(known)-1]
	if n = d.resolve(n); n != nil && isNull(n) && n.Value == "null" && known[0] == "null" {
		return "null", true // `stdin: null` means the word, not YAML's nothing
	}
	if n == nil {
		return "", false
	}
	v, n, ok := d.scalar(n, at, or+",", key(at)+": "+known[0])
	if !ok {
		return "", false
	}
	if slices.Contains(known, v) {
		return v, true
	}
	d.errorf(n, "%s: expected %s, not %s%s", at, or, describe(n), didYouMean(v, known))
	return "", false
}

// absolute reads the path of a directory or file that must not depend on where
// phased was started.
func (d *decoder) absolute(n *yaml.Node, at, example string) (string, bool) {
	v, n, ok := d.text(n, at, "an absolute path", example)
	if !ok {
		return "", false
	}
	if !filepath.IsAbs(v) {
		d.errorf(n, "%s: expected an absolute path such as `%s`, not %s", at, example, describe(n))
		return "", false
	}
	return filepath.Clean(v), true
}

// octal reads a umask. YAML takes 022 as twenty-two and quoted as text: what
// counts is what is written.
func (d *decoder) octal(n *yaml.Node, at string) (int, bool) {
	v, n, ok := d.scalar(n, at, "an octal number", `umask: "022"`)
	if !ok {
		return 0, false
	}
	t, err := strconv.ParseUint(strings.TrimPrefix(v, "0o"), 8, 32)
	if err != nil || t > 0o777 {
		d.errorf(n, "%s: expected an octal number from 000 to 777 such as `umask: \"022\"`, not %s", at, describe(n))
		return 0, false
	}
	return int(t), true
}

// expression reads an RE2 expression.
func (d *decoder) expression(n *yaml.Node, at string) (string, bool) {
	const example = `names: '^[0-9]+-[a-z]+$'`
	v, n, ok := d.text(n, at, "an RE2 expression", example)
	if !ok {
		return "", false
	}
	if v == "" {
		d.errorf(n, "%s: the expression is empty and would let every name pass; leave it out for the default, or write '.'", at)
		return "", false
	}
	if _, err := regexp.Compile(v); err != nil {
		why := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		d.errorf(n, "%s: expected an RE2 expression such as `%s`: %s", at, example, why)
		return "", false
	}
	return v, true
}
