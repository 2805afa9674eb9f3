package executor

import (
	"path/filepath"
	"strings"

	"phased/internal/phased"
)

const pluginScript = "plugin.sh"

// localrcFile is the private file that takes the text of the local.conf.
const localrcFile = "localrc"

func (s *Session) localrcPath() string { return filepath.Join(s.dir, localrcFile) }

func (s *Session) writeLocalrc() error {
	_, err := s.privateFile(localrcFile, []byte(s.Config.Localrc))
	return err
}

// pluginFunctions are DevStack's, where the base steps have defined none.
func (s *Session) pluginFunctions() string {
	var cases []string
	for _, p := range s.Config.Plugins {
		cases = append(cases, "("+quoteWord(p.Name)+") GITDIR[$1]="+quoteWord(string(p.Dir))+";; ")
	}
	known := strings.Join(cases, "")
	return "'builtin' declare -F enable_plugin >|/dev/null || { 'builtin' declare -gA GITREPO GITDIR GITBRANCH; 'builtin' declare -g DEVSTACK_PLUGINS=; " +
		`enable_plugin() { if [[ ,$DEVSTACK_PLUGINS, == *,"$1",* ]]; then echo "plugin $1 is enabled twice" >&2; return 1; fi; ` +
		`DEVSTACK_PLUGINS+=,$1; GITREPO[$1]=$2; GITBRANCH[$1]=${3:-master}; case $1 in ` + known + `(*) GITDIR[$1]=${DEST:-/opt/stack}/$1;; esac; }; }; ` +
		"'builtin' declare -F define_plugin >|/dev/null || define_plugin() { :; }; 'builtin' declare -F plugin_requires >|/dev/null || plugin_requires() { :; }; "
}

// pluginLocals are the variables that a plugin's file sees in its frame.
func (s *Session) pluginLocals(h phased.Hook) string {
	dir := strings.TrimSuffix(string(h.Path), "/devstack/"+s.phase.Plugins)
	return `'builtin' set --; 'builtin' local plugins="${DEVSTACK_PLUGINS-}" plugin=` + quoteWord(h.Plugin) + " dir=" + quoteWord(dir) + "; "
}

// pluginFrameLocals are the names of those that no plugin's file has declared.
func pluginFrameLocals() []string { return []string{"plugins", "plugin", "dir"} }
