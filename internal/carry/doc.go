// Package carry owns what executed hooks hand to later ones: the format of the
// files that they write ($PHASED_ENV, $PHASED_PATH, $PHASED_SUMMARY), which names
// are refused, the order in which what they hand on counts, what is kept of it
// for a resume, and the events that tell of it.
//
// It is pure: files are read and written by whoever implements Files, and no hook
// is run here.
package carry
