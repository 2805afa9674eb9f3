package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Took returns a duration as a person reads it: "3.2 ms", "0.41 s", "1.9 s",
// "3 min 12 s", "2 h 05 min".
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 9950*time.Microsecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d days %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// Seconds returns a duration as scripts read it: "1.901s".
func Seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + "s" }

// took returns a duration for the style's reader.
func (s Style) took(d time.Duration) string {
	if s.Terminal {
		return Took(d)
	}
	return Seconds(d)
}

// About returns a duration in whole units, for what still goes on: "30 s",
// "2 min", "3 h".
func About(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// Size returns a number of bytes as a person reads it: "312 B", "8 MiB",
// "1.4 GiB".
func Size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), "KMGTPE"
	i := -1
	for v >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	number := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(number, ".0") + " " + units[i:i+1] + "iB"
}

// time returns a moment for the style's reader.
func (s Style) time(t time.Time) string {
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	if s.Terminal {
		return t.In(zone).Format("2006-01-02 15:04:05")
	}
	return t.In(zone).Format(time.RFC3339)
}

// minute is time without the seconds, for people.
func (s Style) minute(t time.Time) string {
	text := s.time(t)
	if s.Terminal {
		return text[:len(text)-len(":05")]
	}
	return text
}

// ago returns how long ago a moment was, "" where that is not known.
func (s Style) ago(t time.Time) string {
	if s.Now.IsZero() || t.IsZero() {
		return ""
	}
	return About(s.Now.Sub(t)) + " ago"
}

// count returns "1 hook" or "3 hooks".
func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(what, "y"))
	case strings.HasSuffix(what, "s"):
		return fmt.Sprintf("%d %ses", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ShortID returns the part of a run id that tells it from others: the time in a
// ULID, to the millisecond.
func ShortID(id string) string {
	if len(id) > 10 {
		return id[:10]
	}
	return id
}

func (s Style) id(id string) string {
	if s.Terminal {
		return ShortID(id)
	}
	return id
}
