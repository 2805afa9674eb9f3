package arch_test

import (
	"strings"
	"testing"
)

// TestRulesBite: each rule finds what it is there for, and lets pass what is
// right.
func TestRulesBite(t *testing.T) {
	for _, c := range []struct {
		name, path, text string
		rule             func(source) []string
		want             string // part of the one finding; "" for none
	}{
		{"sibling", "internal/plan/a.go", "package plan\nimport \"phased/internal/journal\"", importsOfRooms, "siblings never import"},
		{"sibling in a test", "internal/plan/a_test.go", "package plan\nimport \"phased/internal/journal\"", importsOfRooms, "siblings never import"},
		{"folder below a sibling", "internal/plan/a.go", "package plan\nimport \"phased/internal/journal/x\"", importsOfRooms, "siblings never import"},
		{"file below a room", "internal/plan/x/a.go", "package x\nimport \"phased/internal/journal\"", importsOfRooms, "siblings never import"},
		{"language", "internal/plan/a.go", "package plan\nimport \"phased/internal/phased\"", importsOfRooms, ""},
		{"leaf", "internal/plan/a.go", "package plan\nimport \"phased/internal/config\"", importsOfRooms, ""},
		{"leaf to leaf", "internal/proc/a.go", "package proc\nimport \"phased/internal/config\"", importsOfRooms, "siblings never import"},
		{"language imports a room", "internal/phased/a.go", "package phased\nimport \"phased/internal/proc\"", importsOfRooms, "siblings never import"},
		{"faults in the product", "internal/journal/a.go", "package journal\nimport \"phased/internal/faultdisk\"", importsOfRooms, "outside of tests"},
		{"faults in a test", "internal/journal/a_test.go", "package journal\nimport \"phased/internal/faultdisk\"", importsOfRooms, ""},
		{"faults import a room", "internal/faultdisk/a.go", "package faultdisk\nimport \"phased/internal/journal\"", importsOfRooms, "siblings never import"},
		{"wiring", "internal/cli/a.go", "package cli\nimport \"phased/internal/journal\"", importsOfRooms, ""},
		{"wires what wires", "internal/cli/a.go", "package cli\nimport \"phased/internal/compat\"", importsOfRooms, "do not wire each other"},
		{"a room imports wiring", "internal/report/a.go", "package report\nimport \"phased/internal/cli\"", importsOfRooms, "siblings never import"},
		{"main wires", "cmd/phased/main.go", "package main\nimport \"phased/internal/journal\"", importsOfRooms, "wires nothing by itself"},
		{"main", "cmd/phased/main.go", "package main\nimport \"phased/internal/cli\"", importsOfRooms, ""},
		{"unknown room", "internal/util/a.go", "package util\nimport \"phased/internal/plan\"", importsOfRooms, "no row in rooms()"},
		{"unknown program", "cmd/other/a.go", "package main\nimport \"phased/internal/plan\"", importsOfRooms, "no row in commands()"},
		{"import of a program", "internal/cli/a.go", "package cli\nimport \"phased/bench\"", importsOfRooms, "imported by nobody"},

		{"engine with files", "internal/engine/a.go", "package engine\nimport \"os\"", standardImports, "no logger, no files"},
		{"engine's tests with files", "internal/engine/a_test.go", "package engine\nimport \"os\"", standardImports, ""},
		{"executor with files", "internal/executor/a.go", "package executor\nimport \"os\"", standardImports, ""},
		{"logger", "internal/executor/a.go", "package executor\nimport \"log/slog\"", standardImports, "emits events"},
		{"network", "cmd/phased/a.go", "package main\nimport \"net\"", standardImports, "no network socket"},

		{"cobra in a personality", "internal/compat/a.go", "package compat\nimport \"github.com/spf13/cobra\"", libraryImports, "only cli"},
		{"cobra in cli", "internal/cli/a.go", "package cli\nimport \"github.com/spf13/cobra\"", libraryImports, ""},
		{"cobra's documents in cli", "internal/cli/a.go", "package cli\nimport \"github.com/spf13/cobra/doc\"", libraryImports, ""},
		{"unknown library", "internal/cli/a.go", "package cli\nimport \"example.com/x\"", libraryImports, "no row"},
		{"a name that only starts alike", "internal/cli/a.go", "package cli\nimport \"github.com/spf13/cobra2\"", libraryImports, "no row"},
		{"test library in the product", "internal/cli/a.go", "package cli\nimport \"pgregory.net/rapid\"", libraryImports, "outside of tests"},
		{"test library in a test", "internal/cli/a_test.go", "package cli\nimport \"pgregory.net/rapid\"", libraryImports, ""},

		{"blank", "internal/cli/a.go", "package cli\nimport _ \"image/png\"", blankImports, "side effect"},
		{"embed", "internal/cli/a.go", "package cli\nimport _ \"embed\"", blankImports, ""},
		{"dot", "internal/cli/a_test.go", "package cli\nimport . \"fmt\"", blankImports, "dot"},

		{"init", "internal/cli/a.go", "package cli\nfunc init() {}", inits, "func init"},
		{"init in a test", "internal/cli/a_test.go", "package cli\nfunc init() {}", inits, "func init"},
		{"a method of that name", "internal/cli/a.go", "package cli\ntype t int\nfunc (t) init() {}", inits, ""},

		{"map", "internal/cli/a.go", "package cli\nvar m = map[int]int{}", packageVariables, "package-level state"},
		{"no value", "internal/cli/a.go", "package cli\nvar n int", packageVariables, "package-level state"},
		{"second of two", "internal/cli/a.go", "package cli\nvar errA, n = errors.New(\"a\"), 1", packageVariables, "var n"},
		{"in a block", "internal/cli/a.go", "package cli\nvar (\n\tn int\n)", packageVariables, "package-level state"},
		{"expression", "internal/cli/a.go", "package cli\nvar re = regexp.MustCompile(`x`)", packageVariables, "paid for at every start"},
		{"sentinel", "internal/cli/a.go", "package cli\nvar ErrX = errors.New(\"x\")", packageVariables, ""},
		{"assertion", "internal/cli/a.go", "package cli\nvar _ I = T{}", packageVariables, ""},
		{"embedded", "internal/cli/a.go", "package cli\n//go:embed x\nvar text string", packageVariables, ""},
		{"local", "internal/cli/a.go", "package cli\nfunc f() { var n int; _ = n }", packageVariables, ""},

		{"printing", "internal/plan/a.go", "package plan\nfunc f() { fmt.Println() }", printing, "take a writer"},
		{"stderr", "internal/report/a.go", "package report\nfunc f() { g(os.Stderr) }", printing, "take a writer"},
		{"printing of the executor", "internal/executor/a.go", "package executor\nfunc f() { fmt.Println() }", printing, "take a writer"},
		{"descriptors of the executor", "internal/executor/a.go", "package executor\nfunc f() { g(os.Stderr) }", printing, ""},
		{"printing of cli", "internal/cli/a.go", "package cli\nfunc f() { g(os.Stderr) }", printing, ""},
		{"to a writer", "internal/plan/a.go", "package plan\nfunc f() { fmt.Fprintln(w) }", printing, ""},
		{"built-in", "internal/cli/a.go", "package cli\nfunc f() { println(1) }", printing, "debugging"},
		{"exit", "internal/cli/a.go", "package cli\nfunc f() { os.Exit(1) }", printing, "main ends the process"},
		{"exit of main", "cmd/phased/a.go", "package main\nfunc f() { os.Exit(1) }", printing, ""},

		{"shell", "internal/cli/a.go", "package cli\nfunc f(n string) { exec.Command(\"sh\", \"-c\", \"cat \"+n) }", shellTexts, "as arguments"},
		{"shell from a variable", "internal/cli/a.go", "package cli\nfunc f(n string) { exec.Command(\"sh\", \"-ec\", n) }", shellTexts, "as arguments"},
		{"shell in a list", "internal/cli/a.go", "package cli\nfunc f(n string) { g([]string{\"bash\", \"-c\", n}) }", shellTexts, "as arguments"},
		{"shell with an argument", "internal/cli/a.go", "package cli\nfunc f(n string) { exec.Command(\"sh\", \"-c\", `cat \"$1\"`, \"sh\", n) }", shellTexts, ""},
		{"shell in a test", "internal/cli/a_test.go", "package cli\nfunc f(n string) { exec.Command(\"sh\", \"-c\", n) }", shellTexts, ""},

		{"long", "internal/cli/a.go", "package cli\n" + strings.Repeat("\n", 499), length, "under 500"},
		{"just short enough", "internal/cli/a.go", "package cli\n" + strings.Repeat("\n", 498), length, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := c.rule(parse(t, c.path, c.text))
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("finds %q where all is well", found)
			case c.want != "" && (len(found) != 1 || !strings.Contains(found[0], c.want)):
				t.Errorf("finds %q, want one that says %q", found, c.want)
			}
		})
	}
}

func TestNetworkRuleBites(t *testing.T) {
	for _, c := range []struct {
		name string
		p    pkg
		want int
	}{
		{"library", pkg{ImportPath: "example.com/x", Imports: []string{"fmt", "net"}}, 1},
		{"library on the list", pkg{ImportPath: "github.com/spf13/pflag", Imports: []string{"net"}}, 0},
		{"standard", pkg{ImportPath: "vendor/x", Standard: true, Imports: []string{"net"}}, 0},
		{"net/http", pkg{ImportPath: "net/http", Standard: true, Imports: []string{"net"}}, 1},
	} {
		if found := networkFindings([]pkg{c.p}); len(found) != c.want {
			t.Errorf("%s: finds %q, want %d", c.name, found, c.want)
		}
	}
}
