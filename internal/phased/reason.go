package phased

// Reason says in words why an entry does not run; "" where it does. sourced is
// whether its phase is.
func (e Entry) Reason(sourced bool) string {
	detail := e.Detail
	if detail == "" {
		detail = string(e.Verdict)
	}
	switch {
	case e.Verdict == VerdictRun:
		return ""
	case sourced:
		return "is not sourced: " + detail
	}
	switch e.Verdict {
	case VerdictNotExecutable:
		return "does not run: it is not executable (" + detail + ")"
	case VerdictMasked:
		return "does not run: it is masked (" + detail + ")"
	case VerdictUnreadable:
		return "does not run: what it is cannot be found out (" + detail + ")"
	}
	return "does not run: " + detail
}
