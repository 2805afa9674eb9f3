// Package web shows the runs of a phased.Source in a browser: pages that are
// whole without JavaScript, kept up to date by server-sent events where it is on.
// It owns pages, their text and their safety: everything that is shown was
// written by hooks, and may be hostile.
//
// It must not plan, start, change or remove anything, must not read a run but
// through what Options gives it, and must not load anything from elsewhere.
package web
