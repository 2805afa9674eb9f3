package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// The marks in a page between which the figures stand.
const (
	pageBegin = "<!-- figures: begin -->\n"
	pageEnd   = "<!-- figures: end -->\n"
)

// writePage puts the figures into a page of the documentation, in place of
// those that were there.
func (r report) writePage(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := r.fill(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		return err
	}
	fmt.Printf("page: %s\n", path)
	return nil
}

// fill returns the page with the figures of this run.
func (r report) fill(page string) (string, error) {
	head, rest, found := strings.Cut(page, pageBegin)
	_, foot, ended := strings.Cut(rest, pageEnd)
	if !found || !ended {
		return "", fmt.Errorf("the page does not have the marks %q and %q", strings.TrimSpace(pageBegin), strings.TrimSpace(pageEnd))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s\n```\n", head, pageBegin)
	r.Facts.print(&b)
	for _, t := range r.Tables {
		t.print(&b)
	}
	fmt.Fprintf(&b, "```\n\n%s%s", pageEnd, foot)
	return b.String(), nil
}
