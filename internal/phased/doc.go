// Package phased is the language of the product: hooks, phases, lifecycles,
// plans, events and runs, and the types of the seams between the rooms.
//
// It owns the words and the one state machine, Run.Apply. It must not do any
// I/O, start anything, print anything or import anything but the standard
// library; every other package imports it.
package phased
