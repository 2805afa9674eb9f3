// Package shellinit owns what a bash that phased did not start needs to be
// recorded: the text that the shell evaluates, and the folding of the records
// that it then writes into the events of a run.
//
// It is pure. It opens no file, starts nothing and knows no journal: the text is
// a string, and records come in as bytes. What it makes of the same records is
// always the same number of events, in the same order, so that whoever finds
// records that were folded in part can fold the rest.
package shellinit
