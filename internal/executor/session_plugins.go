package executor

import (
	"phased/internal/phased"
)

const pluginScript = "plugin.sh"

func (s *Session) localrc(h phased.Hook) bool        { return false }
func (s *Session) localrcPath() string               { return "" }
func (s *Session) writeLocalrc() error               { return nil }
func (s *Session) pluginFunctions() string           { return "" }
func (s *Session) pluginLocals(h phased.Hook) string { return "" }
