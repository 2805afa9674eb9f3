package redact_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"phased/internal/redact"
)

func TestNames(t *testing.T) {
	names := append(redact.DefaultNames(), "my-*-thing", "Exact")
	for name, want := range map[string]bool{
		"DATABASE_PASSWORD": true, "password": true, "Admin_Password_2": true, "SERVICE_TOKEN": true, "tokens": true, "OS_PASSWD": true,
		"client_secret": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true, "SSH_PRIVATE_KEY": true, "API_KEY": true, "apikey": true,
		"GOOGLE_APPLICATION_CREDENTIALS": true, "DB_PASS": true, "pass": true, "PGPASSFILE": true, "my-own-thing": true, "EXACT": true,
		"PATH": false, "PWD": false, "OLDPWD": false, "BYPASS": false, "COMPASS_DIR": false, "KEY": false, "KEYBOARD": false, "PASSENGERS": false, "my-thing": false, "Exactly": false, "": false,
	} {
		if names.Match(name) != want {
			t.Errorf("%q is secret: %v, want %v", name, !want, want)
		}
	}
	for pattern, name := range map[string]string{"a*b*c": "aXbYbZc", "?_KEY": "a_KEY", "*": "", "**x": "x", "a*?": "ab", "K?Y*": "KEYS", "*aab": "aaab"} {
		if !(redact.Names{pattern}).Match(name) {
			t.Errorf("%s does not match %q", pattern, name)
		}
	}
	for pattern, name := range map[string]string{"a*bc*c": "abc", "?_KEY": "_KEY", "": "x", "a*?": "a", "?": "ab", "*aab": "aba"} {
		if (redact.Names{pattern}).Match(name) {
			t.Errorf("%s matches %q", pattern, name)
		}
	}
}

func TestPlainValuesAreNoSecrets(t *testing.T) {
	s := redact.NewSet(redact.DefaultNames())
	for _, v := range []string{"", "abc", "true", "None", "    ", "secret", "[secret]"} {
		s.Learn("PASSWORD", v)
	}
	s.Learn("HOME", "/root")
	const text = "abc true None /root [secret] secret     "
	if got := s.Clean(text); got != text {
		t.Errorf("cleaned: %q", got)
	}
}

func TestOtherFormsOfASecret(t *testing.T) {
	s := redact.NewSet(redact.DefaultNames())
	s.Learn("ADMIN_PASSWORD", "it's me")
	s.Learn("PRIVATE_KEY", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n-----END KEY-----\n")
	for text, want := range map[string]string{
		`+ login 'it'\''s me'`:          `+ login '[secret]'`,
		"it's me":                       "[secret]",
		"  MIIEvQIBADANBgkqhkiG\n":      "  [secret]\n",
		"short":                         "short",
		"x-----BEGIN KEY-----\nMIIEv y": "x-----BEGIN KEY-----\nMIIEv y",
	} {
		if got := s.Clean(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// reference marks every byte of every occurrence, and puts one Mark for each run.
func reference(text string, secrets []string) string {
	covered := make([]bool, len(text))
	for _, s := range secrets {
		for i := range text {
			if strings.HasPrefix(text[i:], s) {
				for j := range len(s) {
					covered[i+j] = true
				}
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !covered[i]:
			b.WriteByte(text[i])
		case i == 0 || !covered[i-1]:
			b.WriteString(redact.Mark)
		}
	}
	return b.String()
}

// Whatever the secrets and however the text comes in pieces: no secret
// survives, and all other bytes stay what they are.
func TestNoSecretSurvives(t *testing.T) {
	cases, seed := 5_000, uint64(1) // each value has dozens of forms; the fuzz targets try others
	if n, err := strconv.Atoi(os.Getenv("PHASED_SOAK")); err == nil && n > 0 {
		cases *= n
	}
	if n, err := strconv.ParseUint(os.Getenv("PHASED_SEED"), 10, 64); err == nil {
		seed = n
	}
	r := rand.New(rand.NewPCG(seed, 3))
	letters := func(n int, of string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = of[r.IntN(len(of))]
		}
		return string(b)
	}
	for i := range cases {
		of := []string{"ab", "abX\n", "abcdefgh\xff\x00 "}[r.IntN(3)]
		set := redact.NewSet(redact.DefaultNames())
		var secrets []string
		for range r.IntN(5) {
			s := letters(redact.Least+r.IntN(6), of)
			if strings.TrimSpace(s) == "" || strings.HasSuffix(s, "\n") || strings.Contains(s, "\n") && len(s) > redact.LeastLine {
				continue
			}
			secrets = append(secrets, s)
			set.Learn("X_TOKEN", s)
		}
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteString(letters(r.IntN(9), of))
			if len(secrets) > 0 && r.IntN(2) == 0 {
				b.WriteString(secrets[r.IntN(len(secrets))])
			}
		}
		text := b.String()
		want := reference(text, secrets)
		if got := set.Clean(text); got != want {
			t.Fatalf("case %d: %q without %q is %q, want %q", i, text, secrets, got, want)
		}
		stream := redact.Stream{Set: set}
		var got []byte
		for rest := []byte(text); len(rest) > 0; {
			n := min(1+r.IntN(6), len(rest))
			piece := slices.Clone(rest[:n])
			got = append(got, stream.Next(piece)...)
			clear(piece) // the caller uses its buffer again
			rest = rest[n:]
		}
		got = append(got, stream.End()...)
		if string(got) != want {
			t.Fatalf("case %d: %q in pieces without %q is %q, want %q", i, text, secrets, got, want)
		}
		if strings.ContainsAny(want, "ab") {
			for _, s := range secrets {
				if strings.Contains(strings.ReplaceAll(want, redact.Mark, "\x01"), s) {
					t.Fatalf("case %d: %q is still in %q", i, s, want)
				}
			}
		}
	}
}

// Nothing is held back but what may become a secret.
func TestStreamHoldsNoMoreThanItMust(t *testing.T) {
	set := redact.NewSet(redact.DefaultNames())
	set.Learn("TOKEN", "hunter22")
	s := redact.Stream{Set: set}
	for _, c := range [][2]string{{"a line\n", "a line\n"}, {"say hun", "say "}, {"t", ""}, {"ing\n", "hunting\n"}, {"hunter", ""}, {"22!", redact.Mark + "!"}, {"hunter2", ""}} {
		if got := string(s.Next([]byte(c[0]))); got != c[1] {
			t.Errorf("after %q it passes on %q, want %q", c[0], got, c[1])
		}
	}
	if got := string(s.End()); got != "hunter2" {
		t.Errorf("at the end it passes on %q", got)
	}
}

func TestStreamUsesWhatIsLearnedMeanwhile(t *testing.T) {
	set := redact.NewSet(redact.DefaultNames())
	s := redact.Stream{Set: set}
	got := string(s.Next([]byte("one hunter22 ")))
	set.Learn("TOKEN", "hunter22")
	got += string(s.Next([]byte("two hunter22 three"))) + string(s.End())
	if want := "one hunter22 two " + redact.Mark + " three"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
