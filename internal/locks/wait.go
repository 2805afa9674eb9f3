package locks

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	firstPause = time.Millisecond
	lastPause  = 250 * time.Millisecond
	// patience is how long is waited before a word is said of it, and the least
	// between two words.
	patience = time.Second
)

// waiting is the waiting for one thing.
type waiting struct {
	what  string // "lock apt"
	told  func(string)
	begun time.Time
	next  time.Duration // how long the next pause is
	last  string        // what was said last
	said  time.Time
}

// pause waits a while before the next try, longer each time. who tells who has
// what is waited for, as it goes on behind "waits for WHAT"; its error ends the
// waiting, as the context does.
func (w *waiting) pause(ctx context.Context, who func() (string, error)) error {
	now := time.Now()
	if w.begun.IsZero() {
		w.begun, w.next = now, firstPause
		if _, err := who(); err != nil {
			return err
		}
	}
	if now.Sub(w.begun) >= patience && now.Sub(w.said) >= patience {
		text, err := who()
		if err != nil {
			return err
		}
		if text != w.last {
			w.last, w.said = text, now
			w.told(strings.ToValidUTF8("waits for "+w.what+text, "\uFFFD"))
		}
	}
	t := time.NewTimer(w.next)
	defer t.Stop()
	select {
	case <-t.C:
		w.next = min(2*w.next, lastPause)
		return nil
	case <-ctx.Done():
	}
	text, err := who()
	if err != nil {
		return err
	}
	return fmt.Errorf("gave up waiting for %s%s, after %s: %w", w.what, strings.ToValidUTF8(text, "\uFFFD"), time.Since(w.begun).Round(time.Millisecond), context.Cause(ctx))
}
