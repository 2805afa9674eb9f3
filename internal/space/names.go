package space

import "strings"

// owned reports whether bash gives the variable its value itself, so that it
// tells nothing about a hook and cannot be restored.
func owned(name string) bool {
	switch name {
	case "UID", "EUID", "PPID", "GROUPS", "_", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "HISTCMD",
		"EPOCHSECONDS", "EPOCHREALTIME", "FUNCNAME", "PIPESTATUS", "DIRSTACK", "SHELLOPTS", "COMP_WORDBREAKS":
		return true
	}
	switch strings.TrimPrefix(name, "BASH") {
	case "", "OPTS", "PID", "_ALIASES", "_ARGC", "_ARGV", "_ARGV0", "_CMDS", "_COMMAND", "_LINENO", "_SOURCE",
		"_SUBSHELL", "_VERSINFO", "_VERSION", "_REMATCH", "_EXECUTION_STRING", "_MONOSECONDS", "_TRAPSIG":
		return strings.HasPrefix(name, "BASH")
	}
	return false
}

// derived reports whether the variable follows from something else that is
// told: the working directory.
func derived(name string) bool { return name == "PWD" || name == "OLDPWD" }
