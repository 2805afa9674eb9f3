// Package capsule owns how the record of a run is put into a page of HTML and
// taken out of it again, and how much of the output goes there. The record is one block
// between two marks, compressed, in base64, with the size and the SHA-256 of what
// is in it. A browser shows nothing of it and runs nothing of it.
//
// It must not know what the page around the record looks like, and opens no file but
// the one that a page is written to. What it reads may come from anybody.
package capsule
