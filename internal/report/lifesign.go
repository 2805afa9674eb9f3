package report

import (
	"fmt"
	"strings"
	"time"

	"phased/internal/phased"
)

// signEvery is how long hooks have been quiet when it is told that they run.
const signEvery = time.Minute

// hookView is what is kept of a hook while it runs.
type hookView struct {
	key    string
	began  time.Time
	last   time.Time // of its last output
	elided bool      // it wrote more than was shown
}

// lifeSign tells that a quiet hook is alive, or that n hooks are, the oldest of
// which is of that age.
func lifeSign(names string, n int, age, quiet time.Duration) string {
	if n > 1 {
		return names + " have been running for up to " + About(age) + ", quiet for " + About(quiet)
	}
	return names + " has been running for " + About(age) + ", quiet for " + About(quiet)
}

// ages returns how long the oldest of the hooks has been running, and for how long
// all of them have been quiet.
func ages(views []*hookView, now time.Time) (age, quiet time.Duration) {
	quiet = now.Sub(views[0].last)
	for _, v := range views {
		age, quiet = max(age, now.Sub(v.began)), min(quiet, now.Sub(v.last))
	}
	return age, quiet
}

// viewNames returns the names of hooks with commas, the first max of them.
func viewNames(views []*hookView, max int, name func(*hookView) string) string {
	var words []string
	for i, v := range views {
		if i == max {
			words = append(words, fmt.Sprintf("and %d more", len(views)-max))
			break
		}
		words = append(words, name(v))
	}
	return strings.Join(words, ", ")
}

// elided reports whether the event stands for output that is not shown: it has
// no text.
func elided(d phased.HookOutput) bool { return d.Text == "" }
