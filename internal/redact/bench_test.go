package redact_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"phased/internal/redact"
)

// ten is a set of ten secrets as hosts have them: passwords, tokens, and a key of
// several lines.
func ten() *redact.Set {
	set := redact.NewSet(redact.DefaultNames())
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int, of string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = of[r.IntN(len(of))]
		}
		return string(b)
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for i := range 9 {
		set.Learn("A_TOKEN", text(8+5*i, letters+"'$/+ \"&"))
	}
	key := "-----BEGIN PRIVATE KEY-----\n"
	for range 26 {
		key += text(64, letters+"+/") + "\n"
	}
	set.AddFile("/etc/key", key+"-----END PRIVATE KEY-----\n")
	return set
}

func benchStream(b *testing.B, set *redact.Set, piece string) {
	text := []byte(piece)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	s := redact.Stream{Set: set}
	for b.Loop() {
		s.Next(text)
	}
}

func BenchmarkStreamNothingKnown(b *testing.B) {
	benchStream(b, redact.NewSet(redact.DefaultNames()), strings.Repeat("a line of output as hooks write it, with a number 1234567\n", 1000))
}

func BenchmarkStreamText(b *testing.B) {
	benchStream(b, ten(), strings.Repeat("a line of output as hooks write it, with a number 1234567\n", 1000))
}

func BenchmarkStreamRandomBytes(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	p := make([]byte, 64<<10)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	benchStream(b, ten(), string(p))
}

func BenchmarkStreamSecretInEveryLine(b *testing.B) {
	set := ten()
	set.Add("hunter22")
	benchStream(b, set, strings.Repeat("a line of output as hooks write it, with hunter22 and 1234567\n", 1000))
}

func BenchmarkStreamWorst(b *testing.B) { // every place may begin something
	set := redact.NewSet(nil)
	for i := range 10 {
		set.Add(strings.Repeat("a", 40+i) + "b")
	}
	benchStream(b, set, strings.Repeat("a", 64<<10))
}

func BenchmarkStreamPattern(b *testing.B) {
	set := ten()
	set.AddPattern(pattern(b, `AKIA[0-9A-Z]{16}`))
	benchStream(b, set, strings.Repeat("a line of output as hooks write it, with a number 1234567\n", 1000))
}

func BenchmarkStreamPatternWithoutBeginning(b *testing.B) {
	set := ten()
	set.AddPattern(pattern(b, `[0-9a-f]{32,64}`))
	benchStream(b, set, strings.Repeat("a line of output as hooks write it, with a number 1234567\n", 1000))
}

func BenchmarkCleanName(b *testing.B) {
	set := ten()
	for b.Loop() {
		set.Clean("/usr/lib/phased/configure.d/50-some-hook")
	}
}

func BenchmarkLearn(b *testing.B) { // and look for it
	for b.Loop() {
		set := redact.NewSet(redact.DefaultNames())
		for i := range 10 {
			set.Learn("A_TOKEN", "secret-number-"+strconv.Itoa(i))
		}
		set.Clean("text")
	}
}

func BenchmarkLearnKey(b *testing.B) {
	for b.Loop() {
		ten().Clean("text")
	}
}
