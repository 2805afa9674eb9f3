package compat

// Known reports whether phased stands in under that name.
func Known(name string) bool { return name == orcName || name == drpName }

// Main runs the personality of that name with argv, the whole command line, and
// returns the exit status of the process.
func Main(name string, argv []string, env Env) int {
	if name == drpName {
		return dibRunParts(&env, argv)
	}
	return osRefreshConfig(&env, argv)
}
