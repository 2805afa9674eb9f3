// Package compat owns the personalities: the command lines, texts, log lines,
// locks and exit statuses of os-refresh-config and dib-run-parts, as
// docs/upstream.md says that they are.
//
// It wires plan, engine, executor and journal for them. It must not know
// phased's own verbs, must not fail, wait or print because of the journal or
// the settings, and must start nothing but hooks, bash for environment.d, grep
// for RUN_PARTS_REGEX and the dib-run-parts that PATH finds.
package compat
