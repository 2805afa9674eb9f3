package executor

func (s *Session) beginIdle() {}
func (s *Session) leaveIdle() {}
