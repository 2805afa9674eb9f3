package plan

import (
	"fmt"

	"phased/internal/phased"
)

// PassedOver tells of a hook that does not run in every run whether it is passed
// over now, by what is remembered of it: the reason of hook.skipped, "" where it
// runs. boot is the kernel's boot id; where it is not known, no two are the same.
func PassedOver(e phased.Entry, was phased.Ran, boot string) string {
	switch e.Frequency {
	case phased.Once:
		return phased.SkippedOnce
	case phased.OncePerBoot:
		if boot != "" && was.BootID == boot {
			return phased.SkippedOncePerBoot
		}
	case phased.OncePerContent:
		if e.Digest != "" && was.Digest == e.Digest && InputsChanged(was.Inputs, e.InputFiles) == "" {
			return phased.SkippedOncePerContent
		}
	}
	return ""
}

// RanText tells when and where a hook ran.
func RanText(was phased.Ran) string {
	return fmt.Sprintf("ran on %s in run %s", was.Time.Local().Format("2006-01-02 15:04:05"), was.Run)
}
