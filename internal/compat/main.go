package compat

import "phased/internal/trust"

// exitTrust is the exit status of phased's own table for what is refused.
const exitTrust = 77

// Known reports whether phased stands in under that name.
func Known(name string) bool { return name == orcName || name == drpName }

// Main runs the personality of that name with argv, the whole command line, and
// returns the exit status of the process.
func Main(name string, argv []string, env Env) int {
	if trust.Borrowed() {
		newConsole(&env).raw(name + ": " + argv[0] + " " + trust.BorrowedText + "\n")
		return exitTrust
	}
	if name == drpName {
		return dibRunParts(&env, argv)
	}
	return osRefreshConfig(&env, argv)
}
