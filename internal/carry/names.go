package carry

import (
	"path"
	"slices"
	"strings"
)

// Names are the names that hooks may hand on beside those that harm nobody:
// patterns of the settings, in which * stands for any characters and ? for one.
type Names []string

// Own reports whether a name, or everything that a pattern fits, is phased's own
// and can be allowed to nobody.
func Own(pattern string) bool { return strings.HasPrefix(pattern, "PHASED_") }

// refuse says why a hook may not hand on a variable of that name, or "".
func (n Names) refuse(name string) string {
	switch {
	case Own(name):
		return "names that begin with PHASED_ are phased's own; choose another name"
	case slices.ContainsFunc(n, func(p string) bool { ok, _ := path.Match(p, name); return ok }):
		return ""
	case name == "PATH":
		return "append the directory to the file $PHASED_PATH, or allow the name by `carry: {allow: [PATH]}` in the settings"
	case Guarded(name):
		return "it decides what code later hooks run, or how they read it; where that is what you want, allow it by `carry: {allow: [" + name + "]}` in the settings"
	}
	return ""
}

// Guarded reports whether a variable of that name makes programs load or run what
// it names, or shells read their scripts in another way: a hook can hand it on
// only where the settings allow it.
func Guarded(name string) bool {
	switch name {
	case "IFS", "ENV", "BASH_ENV", "BASHOPTS", "SHELLOPTS", "PS4", "PROMPT_COMMAND", "CDPATH", "GLOBIGNORE", "POSIXLY_CORRECT",
		"GCONV_PATH", "GETCONF_DIR", "LOCPATH", "NLSPATH", "TZDIR", "HOSTALIASES", "RES_OPTIONS", "LOCALDOMAIN", "NIS_PATH", "RESOLV_HOST_CONF",
		"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONBREAKPOINT",
		"PERLLIB", "PERL5LIB", "PERL5OPT", "PERL5DB", "RUBYLIB", "RUBYOPT", "NODE_OPTIONS", "NODE_PATH", "LUA_INIT", "AWKPATH", "AWKLIBPATH",
		"CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS",
		"GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_ASKPASS", "GIT_EXTERNAL_DIFF", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS":
		return true
	}
	for _, prefix := range []string{"LD_", "BASH_FUNC_", "GLIBC_", "MALLOC_", "LUA_INIT_", "DYLD_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
