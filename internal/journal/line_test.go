package journal

import (
	"hash/crc32"
	"testing"
)

// TestChecksum proves that short lines have the checksum that long ones have.
func TestChecksum(t *testing.T) {
	p := make([]byte, smallLine+2)
	for i := range p {
		p[i] = byte(i*i>>3 ^ i)
	}
	for _, n := range []int{0, 1, 2, 9, 300, smallLine - 1, smallLine, smallLine + 1} {
		if got, want := checksum(p[:n]), crc32.Checksum(p[:n], crc32.MakeTable(crc32.Castagnoli)); got != want {
			t.Errorf("%d bytes: %08x, want %08x", n, got, want)
		}
	}
}
