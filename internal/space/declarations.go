package space

import "strings"

// Declarations reads what declare -p prints, without what is phased's own.
func Declarations(text string) (map[string]Variable, error) {
	p := &parser{all: text, section: "variables", s: &Space{}}
	return p.variables(text, strings.Count(text, "\n")+1)
}
