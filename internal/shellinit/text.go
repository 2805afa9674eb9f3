package shellinit

import (
	"bytes"
	_ "embed"
	"strings"
)

// Options say what the text does.
type Options struct {
	// Records is the file that the shell appends its records to; "": nothing is
	// recorded, and the hooks are sourced all the same.
	Records string
	// Leave are modes whose hooks the script sources by a loop of its own:
	// run_phase leaves the directory alone then.
	Leave []string
}

//go:embed init.bash
var source string

// Text returns what the shell evaluates.
func Text(o Options) string {
	path := "/dev/null"
	if o.Records != "" {
		path = o.Records
	}
	var leave strings.Builder
	for _, mode := range o.Leave {
		leave.WriteString(" && $mode != " + quote(mode))
	}
	text := strings.ReplaceAll(uncomment(source), "@RECORDS@", quote(path))
	text = strings.ReplaceAll(text, " @LEAVE@", leave.String())
	if o.Records == "" {
		text = strings.ReplaceAll(text, "@RECORDED@", "''")
	}
	return strings.ReplaceAll(text, "@RECORDED@", "yes")
}

// uncomment leaves out the lines that are there for people.
func uncomment(text string) string {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && trimmed[0] != '#' {
			b.WriteString(line)
		}
	}
	return b.String()
}

// quote returns the text as one word of a shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
