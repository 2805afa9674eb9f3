package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const commandsPage = "../../docs/commands.md"

var update = flag.Bool("update", false, "write docs/commands.md again")

// TestCommandsPage holds docs/commands.md against the commands; -update writes
// it.
func TestCommandsPage(t *testing.T) {
	if *update {
		if err := os.WriteFile(commandsPage, reference(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(reference())); diff != "" {
		t.Errorf("docs/commands.md is not what the commands say: make docs writes it again (-page +commands):\n%s", diff)
	}
}

// programs builds both programs, and returns their directory.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir+"/", "phased/cmd/phased", "phased/cmd/phased-fleet")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// output runs a command, which must succeed and say nothing on stderr.
func output(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%q: %v\n%s", argv, err, stderr.String())
	}
	return string(out)
}

// manPages writes all pages, and returns their paths by name.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	schema, err := os.ReadFile("../../docs/phased.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := allPages(schema)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := writeMan(dir, pages, imprint{version: "1.2.3", date: time.Unix(1700000000, 0).UTC()}); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	for _, p := range pages {
		paths[p.name] = filepath.Join(dir, "man"+p.section, p.name+"."+p.section)
	}
	return paths
}

// flagsOf finds flags at the beginnings of lines.
func flagsOf(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-[a-zA-Z], )?--([a-z][a-z-]*)`).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return all
}

// TestPrograms asks the programs themselves, which take their time to build.
func TestPrograms(t *testing.T) {
	bin := programs(t)
	t.Run("flags", func(t *testing.T) { pagesHaveTheFlagsOfHelp(t, bin) })
	t.Run("personalities", func(t *testing.T) { personalityPagesHaveTheirFlags(t, bin) })
	t.Run("completions", func(t *testing.T) { completionsComplete(t, bin) })
}

// pagesHaveTheFlagsOfHelp compares what the programs print with --help with what
// a reader of the page sees.
func pagesHaveTheFlagsOfHelp(t *testing.T, bin string) {
	paths := manPages(t)
	for _, v := range verbs() {
		program := "phased"
		if v.fleet {
			program = "phased-fleet"
		}
		help := output(t, nil, filepath.Join(bin, program), v.name, "--help")
		shown := output(t, []string{"MANWIDTH=200", "LC_ALL=C.UTF-8"}, "mandoc", "-Tascii", "-Owidth=200", paths[v.page()])
		shown = regexp.MustCompile(`.\x08`).ReplaceAllString(shown, "")
		_, shown, _ = strings.Cut(shown, "\nOPTIONS\n")
		shown, _, _ = strings.Cut(shown, "\nEXIT STATUS\n")
		if v.name == "help" {
			continue // phased help --help tells what phased is
		}
		// Explanations are further in than flags.
		shown = regexp.MustCompile(`(?m)^ {10,}.*$`).ReplaceAllString(shown, "")
		want, got := flagsOf(help), flagsOf(shown)
		if len(want) == 0 {
			t.Errorf("%s %s --help shows no flags:\n%s", program, v.name, help)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-help +page):\n%s", v.page(), diff)
		}
	}
}

// personalityPagesHaveTheirFlags does so for the commands that phased stands in
// for.
func personalityPagesHaveTheirFlags(t *testing.T, bin string) {
	paths := manPages(t)
	for _, name := range []string{"os-refresh-config", "dib-run-parts"} {
		if err := os.Symlink("phased", filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(bin, name), "--help")
		help, _ := cmd.CombinedOutput() // dib-run-parts takes it for a directory, as the original does
		page, err := os.ReadFile(paths["phased-"+name])
		if err != nil {
			t.Fatal(err)
		}
		tags := regexp.MustCompile(`(?m)^\.TP\n(?:\\fB\\-h\\fR, )?\\fB\\-\\-((?:[a-z]|\\-)+)`).FindAllStringSubmatch(string(page), -1)
		var got []string
		for _, m := range tags {
			got = append(got, strings.ReplaceAll(m[1], `\-`, "-"))
		}
		slices.Sort(got)
		want := flagsOf(string(help))
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s (-help +page):\n%s", name, diff)
		}
	}
}

// TestPagesAreWellFormed lets both readers of manual pages judge them.
func TestPagesAreWellFormed(t *testing.T) {
	for name, path := range manPages(t) {
		if out, err := exec.Command("mandoc", "-Tlint", "-Wwarning", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: mandoc: %v\n%s", name, err, out)
		}
		text := output(t, []string{"MANWIDTH=80", "LC_ALL=C.UTF-8", "MAN_KEEP_FORMATTING=", "MANROFFOPT="}, "man", "--warnings", "-l", path)
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 && !strings.HasPrefix(line, "           ") {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
		for _, want := range []string{"NAME\n       " + name + " - ", "\nSEE ALSO\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
		if strings.Contains(text, "\nDESCRIPTION\n\n") {
			t.Errorf("%s says nothing of what it does", name)
		}
	}
}

// TestPagesAreAllNamed: phased(1) names every page, and pages name only those
// that exist.
func TestPagesAreAllNamed(t *testing.T) {
	paths := manPages(t)
	for name, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.ReplaceAll(string(text), `\-`, "-")
		for _, m := range regexp.MustCompile(`(phased[a-z.-]*)\(([158])\)`).FindAllStringSubmatch(plain, -1) {
			if filepath.Ext(paths[m[1]]) != "."+m[2] {
				t.Errorf("%s names %s, which is not there", name, m[0])
			}
		}
		if name == "phased" {
			for other, path := range paths {
				if slices.ContainsFunc(personalityPages(), func(p page) bool { return p.name == other }) {
					continue // of another package
				}
				if other != name && !strings.Contains(plain, other+"("+filepath.Ext(path)[1:]+")") {
					t.Errorf("phased(1) does not name %s", other)
				}
			}
		}
	}
}
