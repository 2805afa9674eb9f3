// Package cli owns the runner's own command line: its verbs and flags, one file
// each, and the table of exit codes.
//
// It wires the rooms and decides nothing: what runs is decided by plan and
// engine, what is kept by journal, what is said of it by report. It must not
// know the personalities.
package cli
