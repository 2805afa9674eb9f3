package plan

import (
	"regexp"
	"testing"

	"phased/internal/phased"
)

func TestNameVerdicts(t *testing.T) {
	for name, want := range map[string]phased.Verdict{
		"10-a": phased.VerdictRun, "A_z-0": phased.VerdictRun, "-": phased.VerdictRun, "-rf": phased.VerdictRun, "_": phased.VerdictRun,
		"foo-old": phased.VerdictRun, "bak": phased.VerdictRun,
		"foo.sh": phased.VerdictNameHasDot, ".hidden": phased.VerdictNameHasDot, "a.b c": phased.VerdictNameHasDot, "1.5": phased.VerdictNameHasDot,
		"foo.": phased.VerdictNameHasDot, ".gitkeep": phased.VerdictNameHasDot, ".bak.d": phased.VerdictNameHasDot,
		"foo~": phased.VerdictNameBackup, "~": phased.VerdictNameBackup, "a.sh~": phased.VerdictNameBackup, "#foo#": phased.VerdictNameBackup,
		".#foo": phased.VerdictNameBackup, "foo.dpkg-old": phased.VerdictNameBackup, "foo.dpkg-dist": phased.VerdictNameBackup,
		"foo.rpmsave": phased.VerdictNameBackup, ".foo.swp": phased.VerdictNameBackup, "foo.bak": phased.VerdictNameBackup,
		"a b.orig": phased.VerdictNameBackup, "foo.ucf-dist": phased.VerdictNameBackup,
		"#": phased.VerdictNameChars, "#foo": phased.VerdictNameChars, "a b": phased.VerdictNameChars, "a\nb": phased.VerdictNameChars,
		"10-a\n": phased.VerdictNameChars, "\n10-a": phased.VerdictNameChars, "a+b": phased.VerdictNameChars, "é": phased.VerdictNameChars,
		"a\xff": phased.VerdictNameChars, "ß": phased.VerdictNameChars, "a:b": phased.VerdictNameChars, "a,b": phased.VerdictNameChars,
		"١": phased.VerdictNameChars, "a\\": phased.VerdictNameChars, "*": phased.VerdictNameChars,
	} {
		got, why := nameVerdict(name, nil)
		if got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if (why == "") != (got == phased.VerdictRun) {
			t.Errorf("%q: %s because %q", name, got, why)
		}
	}
}

// A filter of the settings takes the place of the default as a whole.
func TestNameFilter(t *testing.T) {
	filter := regexp.MustCompile(`\.sh$`)
	for name, want := range map[string]phased.Verdict{
		"foo.sh": phased.VerdictRun, "a b.sh": phased.VerdictRun, "é\xff.sh": phased.VerdictRun, "x\n.sh": phased.VerdictRun,
		"foo": phased.VerdictNameFilter, "foo.sh~": phased.VerdictNameFilter, "foo.sh\n": phased.VerdictNameFilter, "foo.sh.bak": phased.VerdictNameFilter,
	} {
		if got, why := nameVerdict(name, filter); got != want || (why == "") != (got == phased.VerdictRun) {
			t.Errorf("%q: %s (%s), want %s", name, got, why, want)
		}
	}
}

func TestOddCharacters(t *testing.T) {
	for name, want := range map[string]string{
		"a b": "a blank", "a\nb": "a newline", "a\tb": "a tab", "aé": `the character 'é'`, "a\xffb": "the byte 0xff, not UTF-8,",
		"\x01": `the character '\x01'`, "a+": `the character '+'`,
	} {
		if got := oddCharacter(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
