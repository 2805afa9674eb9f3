package space

import "strings"

// readFunctions splits what declare -f printed, by the names that declare -F
// printed in the same order. A here-document or a string in a function may look
// like the beginning of the next one: where a beginning is there twice, the one
// counts at which no quotation is open.
func (p *parser) readFunctions() error {
	names, attributes, err := p.functionNames()
	if err != nil {
		return err
	}
	bounds, twice, err := p.split(names, false)
	if err == nil && twice {
		bounds, _, err = p.split(names, true)
	}
	if err != nil {
		return err
	}
	p.s.Functions = make(map[string]Function, len(names))
	for i, name := range names {
		if err := p.function(name, attributes[i], p.s.functions[bounds[i]:bounds[i+1]]); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) functionNames() (names, attributes []string, err error) {
	n := strings.Count(p.names, "\n")
	names, attributes = make([]string, 0, n), make([]string, 0, n)
	for line := range strings.Lines(p.names) {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "declare -f")
		letters, name, found := strings.Cut(rest, " ")
		if !ok || !found || name == "" {
			return nil, nil, p.fail(line, "the name of a function is expected, not %.60q", line)
		}
		names, attributes = append(names, name), append(attributes, letters)
	}
	return names, attributes, nil
}

// split returns where each function begins, and the end. Unless it is careful
// it takes the first beginning, and reports whether there was another one.
func (p *parser) split(names []string, careful bool) (bounds []int, twice bool, err error) {
	text := p.s.functions
	bounds = make([]int, len(names)+1)
	bounds[len(names)] = len(text)
	if len(names) == 0 {
		if text != "" {
			return nil, false, p.fail(text, "a function without a name: %.60q", text)
		}
		return bounds, false, nil
	}
	if !begins(text, names[0]) {
		return nil, false, p.fail(text, "function %s is expected, not %.60q", names[0], text)
	}
	for i, name := range names[1:] {
		at := boundary(text[bounds[i]:], name, careful)
		if at < 0 {
			return nil, false, p.fail(text[bounds[i]:], "function %s is expected behind %s, and is not there", name, names[i])
		}
		bounds[i+1] = bounds[i] + at
		if i > 0 && !careful {
			twice = twice || boundary(text[bounds[i]:bounds[i+1]], names[i], false) > 0
		}
	}
	last := len(names) - 1
	twice = twice || boundary(text[bounds[last]:], names[last], false) > 0
	return bounds, twice, nil
}

// function keeps one.
func (p *parser) function(name, attributes, text string) error {
	if attributes != "" {
		declared := "declare -f" + attributes + " " + name + "\n"
		if !strings.HasSuffix(text, declared) {
			return p.fail(text, "the attributes of function %s do not stand behind it", name)
		}
		text = text[:len(text)-len(declared)]
	}
	if !strings.HasSuffix(text, "\n") {
		return p.fail(text, "function %s has no end", name)
	}
	if !ours(name) && (name != "exit" || !strings.Contains(text, "__phased_call")) { // that one is the session's
		p.s.Functions[name] = Function{Attributes: attributes, Text: text[:len(text)-1]}
	}
	return nil
}

const (
	opening = " () \n{ \n"
	keyword = "function "
)

// begins reports whether text begins with the function.
func begins(text, name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(text, keyword), name+opening) || strings.HasPrefix(text, name+opening)
}

// boundary returns where the line is on which the function name begins, behind
// the first line of text; -1: nowhere.
func boundary(text, name string, careful bool) int {
	header := name + opening
	first := -1
	for from := 0; ; {
		at := strings.Index(text[from:], header)
		if at < 0 {
			return first
		}
		at += from
		from = at + 1
		start := at
		if strings.HasSuffix(text[:at], keyword) {
			start -= len(keyword)
		}
		if start == 0 || text[start-1] != '\n' {
			continue
		}
		if !careful || closed(text[:start]) {
			return start
		}
		if first < 0 {
			first = start
		}
	}
}
