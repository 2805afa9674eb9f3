package executor

// SavedLast is the file in Session.Private that holds the variable space behind
// the last hook that ended.
const SavedLast = "last"

// SavedBefore is the file in Session.Private that holds the variable space that
// a phase began with.
func SavedBefore(phase string) string { return "before-" + phase }
