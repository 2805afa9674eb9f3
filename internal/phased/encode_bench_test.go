package phased

import (
	"strings"
	"testing"
)

// BenchmarkOutput encodes pieces of 64 KiB, as they come while a hook runs.
func BenchmarkOutput(b *testing.B) {
	for name, line := range map[string]string{
		"lines":   "00000042: a line of the sort that a package manager prints while it unpacks\n",
		"quotes":  `{"level":"info","msg":"unpacked","path":"/usr/share/doc"}` + "\n",
		"accents": "Schlüssel für Wörter, größer als zuvor, wird geöffnet\n",
		"wide":    "パッケージを展開しています\n",
		"bytes":   "\xffome line of output\n",
	} {
		b.Run(name, func(b *testing.B) {
			text := Text(strings.Repeat(line, 1+65536/len(line))[:65536/len(line)*len(line)])
			e := Event{Run: "01JZ0000000000000000000000", Seq: 7, Data: HookOutput{Phase: "configure", Hook: "50-something", Stream: "out", Text: text}}
			var buf []byte
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				var err error
				if buf, err = e.AppendJSON(buf[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
