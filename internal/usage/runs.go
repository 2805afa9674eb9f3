package usage

import "strings"

// runPrefix stands for the minus sign of a RUN such as -1 while flags are read.
const runPrefix = "last~"

// RunArguments makes RUN arguments such as -1 and -2 pass as arguments: they
// come out of the flags as last~1.
func RunArguments(args []string) []string {
	out := make([]string, len(args))
	copy(out, args)
	for i, a := range args {
		if a == "--" {
			break
		}
		if len(a) > 1 && a[0] == '-' && strings.Trim(a[1:], "0123456789") == "" {
			out[i] = runPrefix + a[1:]
		}
	}
	return out
}

// RunArgument returns the RUN that the argument stands for.
func RunArgument(arg string) string {
	if n, ok := strings.CutPrefix(arg, runPrefix); ok {
		return "-" + n
	}
	return arg
}
