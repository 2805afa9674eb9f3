// Package tui owns the terminal of a run: what a person sees of it while it goes
// on, the keys, and the state of the terminal itself.
//
// A Model is fed with events, ticks, sizes and keys and draws frames: text in,
// text out. A Screen is what stands between it and a Terminal. Where a run goes
// on is read from its events alone, so that no screen can slow a run or end it.
// Words about runs are package report's; this package says where they stand.
//
// It must not decide anything about a run, nor write anything but to the
// terminal that it is given.
package tui
