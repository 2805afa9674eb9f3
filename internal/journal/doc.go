// Package journal is the durable record of the runs of this host: one
// JSON-lines file a run, its locks, its retention, and phased.Source over it.
//
// It owns the state directory's runs/, open/, failures/ and locks/. It must not
// start or signal a process, print, or decide what a run means: that is
// phased.Run.Apply.
//
// A fact that Append has acknowledged survives the death of the process. What
// survives a power cut is said by Options.Durability.
package journal
