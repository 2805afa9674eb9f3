package report

// Open returns what has no line end yet: the last row of each stream.
func (t *Tail) Open() (all []TailLine) {
	for i, stream := range []string{"out", "err"} {
		if shown := rows(t.parts[i].held); len(shown) > 0 && shown[len(shown)-1] != "" {
			all = append(all, TailLine{Stream: stream, Text: shown[len(shown)-1]})
		}
	}
	return all
}

// Now returns the last max lines with what has no line end yet, as it may be
// shown.
func (t *Tail) Now(max int, colour bool) []TailLine {
	open := t.Open()
	all := append(append([]TailLine(nil), t.Lines[len(t.Lines)-min(max, len(t.Lines)):]...), open...)
	all = all[len(all)-min(max, len(all)):]
	for i := range all {
		all[i].Text = Safe(all[i].Text, colour)
	}
	return all
}
