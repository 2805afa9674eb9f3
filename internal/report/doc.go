// Package report turns events and values of the language into text and JSON
// for people and scripts: the live progress of a run, the record of a run, its
// logs, plans, findings.
//
// It owns every word that phased says of runs and plans. It must not open,
// start or ask anything: width, colour, zone and clock are arguments, and what
// it prints goes to the writer that it is given.
package report
