package report

import (
	"fmt"
	"strings"

	"phased/internal/phased"
)

// leftText tells in one line whom a hook has left behind, and what became of
// them; "" where it has left nobody.
func leftText(list []phased.LeftBehind, more int, leak phased.LeakPolicy, most int) string {
	n := len(list) + more
	if n == 0 {
		return ""
	}
	what, were := "left "+count(n, "process")+" behind", "they live on"
	if n == 1 {
		were = "it lives on"
	}
	if leak == phased.LeakKill || leak == phased.LeakFail {
		were = "killed"
	}
	var names []string
	for _, p := range list[:min(len(list), most)] {
		names = append(names, fmt.Sprintf("%d (%s)", p.Pid, command(p)))
	}
	if len(names) < n {
		names = append(names, fmt.Sprintf("and %d more", n-len(names)))
	}
	return what + ", " + were + ": " + strings.Join(names, ", ")
}

// command is a command line that is short enough for one of several.
func command(p phased.LeftBehind) string {
	const most = 40
	text := Safe(oneLine(string(p.Command)), false)
	if r := []rune(text); len(r) > most {
		text = string(r[:most-3]) + "..."
	}
	return text
}

// containmentText tells how processes were held together, where that is not by
// cgroups; "" where there is nothing to tell.
func containmentText(c *phased.Containment) string {
	if c == nil || c.Mode == phased.ContainCgroup {
		return ""
	}
	text := c.Mode
	if c.Mode == phased.ContainReaper {
		text = "by reapers"
	}
	if c.Why != "" {
		text += ": " + Safe(c.Why, false)
	}
	return text
}

// usageText tells what a hook used beside its time, as far as there is room.
func (p *printer) usageText(u *phased.Usage, room int) string {
	text := fmt.Sprintf("  cpu %s", p.took(u.User+u.System))
	if p.Terminal && columns(text) > room {
		return ""
	}
	for _, f := range []struct {
		name string
		n    int64
	}{{"mem", max(u.Memory, u.MaxRSS)}, {"io", u.Read + u.Written}} {
		if more := "  " + f.name + " " + Size(f.n); f.n > 0 && columns(text+more) <= room {
			text += more
		}
	}
	return text
}
