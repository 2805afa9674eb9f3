package phased

// HookOf returns the hook that an event is about; empty: it is about none.
func HookOf(p Payload) (phase string, hook Text) {
	switch d := p.(type) {
	case HookStarted:
		return d.Phase, d.Hook
	case HookOutput:
		return d.Phase, d.Hook
	case HookCut:
		return d.Phase, d.Hook
	case HookSignalled:
		return d.Phase, d.Hook
	case HookSlow:
		return d.Phase, d.Hook
	case HookFinished:
		return d.Phase, d.Hook
	case HookProgress:
		return d.Phase, d.Hook
	case HookSkipped:
		return d.Phase, d.Hook
	case HookWarning:
		return d.Phase, d.Hook
	case HookSummary:
		return d.Phase, d.Hook
	case HookNotified:
		return d.Phase, d.Hook
	case SpaceChanged:
		return d.Phase, d.Hook
	}
	return "", ""
}
