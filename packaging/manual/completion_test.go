package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// completionsComplete asks the shells themselves: that they take the scripts,
// and what they offer behind `phased run --`.
func completionsComplete(t *testing.T, bin string) {
	dir := t.TempDir()
	if err := writeCompletions(dir); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir, "PHASED_STATE_DIR=" + dir}
	var want []string
	for _, v := range verbs() {
		if v.name == "run" {
			for _, o := range v.options() {
				want = append(want, "--"+o.name)
			}
		}
	}
	slices.Sort(want)
	for _, s := range []struct{ shell, file, ask string }{
		{"bash", "phased.bash", `. /usr/share/bash-completion/bash_completion
			compopt() { :; } # it is for a line editor
			. "$1"; COMP_WORDS=(phased run --) COMP_CWORD=2 COMP_LINE="phased run --" COMP_POINT=13 COMP_TYPE=63
			__start_phased; printf '%s\n' "${COMPREPLY[@]}"`},
		// What zsh offers goes to _describe, which is a line editor's.
		{"zsh", "_phased", `compdef() { }; . "$1"
			_describe() { local a; for a in $*; do :; done; print -rl -- $completions }
			words=(phased run --) CURRENT=3 curcontext=; _phased`},
		{"fish", "phased.fish", `source $argv[1]; complete -C "phased run --"`},
	} {
		path := filepath.Join(dir, s.file)
		printed := output(t, env, filepath.Join(bin, "phased"), "completion", s.shell)
		if text, err := os.ReadFile(path); err != nil || string(text) != printed {
			t.Errorf("%s is not what phased completion %s prints: %v", s.file, s.shell, err)
		}
		output(t, env, s.shell, "-n", path)
		argv := []string{s.shell, "-c", s.ask, "asks", path}
		if s.shell == "fish" {
			argv = []string{s.shell, "-c", s.ask, path}
		}
		var got []string
		for line := range strings.Lines(output(t, env, argv...)) {
			if word := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("\t :\n=", r) }); len(word) > 0 && strings.HasPrefix(word[0], "--") {
				got = append(got, word[0])
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%s offers (-flags +offered):\n%s", s.shell, diff)
		}
	}
}
