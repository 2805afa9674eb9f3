package journal

import (
	"time"

	"golang.org/x/sys/unix"
)

// NewID returns a new run id: a ULID, 48 bits of milliseconds since the epoch
// and 80 random ones, in Crockford's base 32. Ids sort as the times do, of whole
// milliseconds. The library for them costs every start 0.05 ms and more before
// main; tests hold this to it.
func NewID(now time.Time) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	fill(b[6:])
	var id [26]byte
	var bits, n uint // what of b was taken, and not yet written
	at := len(id)
	for i := len(b) - 1; i >= 0; i-- { // from the end: 128 bits are 26 digits, the first of 3 bits
		bits |= uint(b[i]) << n
		for n += 8; n >= 5; n -= 5 {
			at--
			id[at] = digits[bits&31]
			bits >>= 5
		}
	}
	id[0] = digits[bits]
	return string(id[:])
}

// fill makes b random. The kernel gives so few bytes whole; where it gives none,
// which it does early at boot only, the clock has to do.
func fill(b []byte) {
	n, err := unix.Getrandom(b, 0)
	if err == nil && n == len(b) {
		return
	}
	seed := uint64(time.Now().UnixNano())
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = byte(seed >> 56)
	}
}
