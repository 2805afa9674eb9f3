package executor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"phased/internal/phased"
)

// snapshots are those of the variable space of one session.
type snapshots struct{}

func (n *snapshots) enter(*Session, phased.PlannedPhase)  {}
func (n *snapshots) settle(*Session)                      {}
func (n *snapshots) taken(*Session, phased.Hook)          {}
func (n *snapshots) left(context.Context, *Session) error { return nil }

func (s *Session) dumps() bool                               { return false }
func (s *Session) snapshotText(frame bool) string            { return "" }
func (s *Session) firstSnapshot(context.Context) error       { return nil }
func (s *Session) restore(context.Context) ([]string, error) { return nil, nil }
func (s *Session) localsText() string                        { return "" }

// privateFile makes a file that only this user can read.
func (s *Session) privateFile(name string, content []byte) (string, error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "session-")
		if err != nil {
			return "", fmt.Errorf("cannot make a directory for the session's own files: %w", err)
		}
		s.dir, s.ownDir = dir, true
	}
	path := filepath.Join(s.dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("cannot make a private file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(content)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return "", fmt.Errorf("cannot make a private file: %w", err)
	}
	return path, nil
}
