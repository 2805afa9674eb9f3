package capsule

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// The marks around the record. Each is a line of its own. Nothing else of a page
// can look like the first one: whatever hooks say is written with &lt;.
const (
	begin   = `<template id="phased-record" data-format="`
	format  = "1"
	closing = `">`
	end     = `</template>`
	// seal begins the line after the base64: its size and digest.
	seal = "=record "
)

// MaxRecord is the size of the largest record that goes into a page and comes
// out of it again, in bytes.
const MaxRecord = 256 << 20

// ErrTooLarge says that a record is longer than MaxRecord.
var ErrTooLarge = errors.New("the record is larger than a capsule may hold")

// width is how long the lines of base64 are: short enough for whatever a page may
// be sent through.
const width = 120

// Write writes the block with what record writes. The error of record comes back
// as it is; ErrTooLarge where there is more than MaxRecord.
func Write(w io.Writer, record func(io.Writer) error) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s%s%s\n", begin, format, closing) // an error stays, for Flush
	text := base64.NewEncoder(base64.StdEncoding, &lines{out: out})
	packed := gzip.NewWriter(text)
	in := &counter{to: packed, sum: sha256.New()}
	if err := record(in); err != nil {
		return err
	}
	if err := errors.Join(packed.Close(), text.Close()); err != nil {
		return fmt.Errorf("cannot write the record: %w", err)
	}
	fmt.Fprintf(out, "\n%s%d sha256:%s\n%s\n", seal, in.size, hex.EncodeToString(in.sum.Sum(nil)), end)
	return out.Flush()
}

// counter counts, digests and limits what is written.
type counter struct {
	to   io.Writer
	sum  hash.Hash
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	if c.size += int64(len(p)); c.size > MaxRecord {
		return 0, ErrTooLarge
	}
	_, _ = c.sum.Write(p) // a hash takes everything
	return c.to.Write(p)
}

// lines breaks what is written into lines.
type lines struct {
	out *bufio.Writer
	at  int
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if l.at == width {
			if err := l.out.WriteByte('\n'); err != nil {
				return 0, err
			}
			l.at = 0
		}
		k := min(width-l.at, len(p))
		if _, err := l.out.Write(p[:k]); err != nil {
			return 0, err
		}
		l.at += k
		p = p[k:]
	}
	return n, nil
}
