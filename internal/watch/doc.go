// Package watch watches files, directories and patterns, and tells when they
// have changed and settled: a Watcher sees, a Settler decides when, Loop starts
// one thing at a time.
//
// What the kernel tells (inotify) is taken for nothing but a hint that it is
// time to look: what has changed is found by comparing content with what it was.
// So an event that was lost, merged or misread loses no change. It changes no
// file, knows nothing of hooks and runs, and prints nothing.
package watch
