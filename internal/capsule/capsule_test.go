package capsule

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// page returns a page around a record.
func page(t testing.TB, record []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("<!doctype html>\n<p>" + strings.Repeat("a long line ", 20_000) + "</p>\n")
	err := Write(&b, func(w io.Writer) error { _, err := w.Write(record); return err })
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("</body></html>\n")
	return b.Bytes()
}

// noise is bytes that do not compress.
func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(p)
	return p
}

func TestThereAndBack(t *testing.T) {
	for _, record := range [][]byte{{}, []byte("a"), []byte(`{"v":1}` + "\n"), noise(1 << 20), bytes.Repeat([]byte("x"), 5<<20)} {
		p := page(t, record)
		if !Begins(p) {
			t.Error("it does not begin like one")
		}
		for name, in := range map[string]io.Reader{
			"whole": bytes.NewReader(p), "byte by byte": iotest.OneByteReader(bytes.NewReader(p)),
			"other line ends": bytes.NewReader(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))),
		} {
			got, err := Read(in)
			if err != nil || !bytes.Equal(got, record) {
				t.Errorf("%s: %d bytes came back of %d: %v", name, len(got), len(record), err)
			}
		}
		for line := range bytes.Lines(p[bytes.Index(p, []byte(begin)):]) {
			if len(line) > width+1 {
				t.Fatalf("a line of %d bytes", len(line))
			}
		}
	}
}

// TestDamage: no page that was cut, changed or never was one gives a record.
func TestDamage(t *testing.T) {
	good := page(t, noise(10_000))
	at := bytes.Index(good, []byte(begin))
	edit := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	packed := func(raw []byte) []byte {
		return fmt.Appendf(nil, "<!doctype html>\n%s%s%s\n%s\n%s5 sha256:00\n%s\n", begin, format, closing, base64.StdEncoding.EncodeToString(raw), seal, end)
	}
	for name, c := range map[string]struct {
		page []byte
		want string
	}{
		"empty":              {nil, "no record"},
		"another page":       {[]byte("<!doctype html><p>hello"), "no record"},
		"mark in a line":     {[]byte("<!doctype html>\n<p> " + begin + format + closing + "\n"), "no record"},
		"newer":              {edit(begin+format, begin+"2"), `format "2"`},
		"cut before":         {good[:at], "no record"},
		"cut in the base64":  {good[:at+500], "cut off"},
		"cut at the seal":    {good[:bytes.Index(good, []byte("\n"+seal))+1], "cut off"},
		"no seal":            {edit(seal, "=x "), "damaged"},
		"size":               {edit(seal+"10000", seal+"10001"), "checksum"},
		"digest":             {edit("sha256:", "sha256:0"), "checksum"},
		"no base64":          {packedText("!!!!"), "damaged"},
		"more behind":        {edit("\n"+seal, "\nAAAA\n"+seal), "damaged"},
		"twice":              {edit("\n"+seal, "\n"+base64.StdEncoding.EncodeToString(zipped([]byte("more")))+"\n"+seal), "damaged"},
		"no gzip":            {packed([]byte("hello")), "damaged"},
		"gzip of other text": {packed(zipped([]byte("hello"))), "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(bytes.NewReader(c.page))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d bytes, %v; want %q", len(got), err, c.want)
			}
			damage, damaged := errors.AsType[*DamageError](err)
			if !damaged && !errors.Is(err, ErrNone) {
				t.Errorf("%v (%v) is neither", err, damage)
			}
		})
	}
}

func packedText(text string) []byte {
	return fmt.Appendf(nil, "<!doctype html>\n%s%s%s\n%s\n%s5 sha256:00\n%s\n", begin, format, closing, text, seal, end)
}

func zipped(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	_ = z.Close()
	return b.Bytes()
}

// TestEveryByteCounts: whatever byte of the block is changed, either the same record
// comes out or none.
func TestEveryByteCounts(t *testing.T) {
	record := []byte(strings.Repeat(`{"v":1,"run":"x"}`+"\n", 20))
	good := page(t, record)
	for at := bytes.Index(good, []byte(begin)); at < len(good); at++ {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if got, err := Read(bytes.NewReader(bad)); err == nil && !bytes.Equal(got, record) {
			t.Fatalf("byte %d changed, and another record came out", at)
		}
		if got, err := Read(bytes.NewReader(good[:at])); err == nil && !bytes.Equal(got, record) {
			t.Fatalf("cut at %d, and another record came out", at)
		}
	}
}

// zeros yields n zeros.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.n)
	z.n -= n
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	return int(n), nil
}

// TestBomb: a small page that unpacks to far more than a record may have is
// refused, and not unpacked beyond that.
func TestBomb(t *testing.T) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(z, &zeros{2 * MaxRecord}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Read(bytes.NewReader(packedText(base64.StdEncoding.EncodeToString(packed.Bytes()))))
	_, err2 := Read(bytes.NewReader(brokenUp(base64.StdEncoding.EncodeToString(packed.Bytes()))))
	runtime.ReadMemStats(&after)
	if err == nil || err2 == nil || !strings.Contains(err2.Error(), "larger than 256 MiB") {
		t.Errorf("%v, %v", err, err2)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 3*MaxRecord {
		t.Errorf("%d MiB were used", used>>20)
	}
}

// brokenUp is a page whose base64 stands in lines.
func brokenUp(text string) []byte {
	var b strings.Builder
	for len(text) > 0 {
		n := min(width, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return packedText(strings.TrimSuffix(b.String(), "\n"))
}

// TestTooLarge: what could not be read again is not written.
func TestTooLarge(t *testing.T) {
	err := Write(io.Discard, func(w io.Writer) error { _, err := io.Copy(w, &zeros{MaxRecord + 1}); return err })
	if !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// TestReaderFails: an error of the reader is told as such.
func TestReaderFails(t *testing.T) {
	good := page(t, noise(200_000))
	for _, n := range []int64{10, 300_000} {
		_, err := Read(io.MultiReader(io.LimitReader(bytes.NewReader(good), n), iotest.ErrReader(io.ErrClosedPipe)))
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(page(f, []byte("hello")))
	f.Add(packedText("H4sI"))
	f.Fuzz(func(t *testing.T, p []byte) {
		record, err := Read(bytes.NewReader(p))
		if err != nil {
			return
		}
		if again, err := Read(bytes.NewReader(page(t, record))); err != nil || !bytes.Equal(again, record) {
			t.Errorf("%q came back as %q: %v", record, again, err)
		}
	})
}
