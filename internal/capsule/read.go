package capsule

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ErrNone says that a page holds no record.
var ErrNone = errors.New("it holds no record of a run: it is another page, or was cut off on its way")

// DamageError tells why a record cannot be taken out of a page.
type DamageError struct{ Reason string }

func (e *DamageError) Error() string { return e.Reason }

// maxPage is how much of a page is searched, in bytes, and read: what is larger was
// not made here.
const maxPage = 2 << 30

// Begins reports whether a text can be the beginning of a page with a record.
func Begins(text []byte) bool {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(text) >= len("<!doctype html") && bytes.EqualFold(text[:len("<!doctype html")], []byte("<!doctype html"))
}

// Read takes the record out of a page. The error is ErrNone, a *DamageError, or
// the reader's.
func Read(page io.Reader) ([]byte, error) {
	in := &reader{bufio.NewReaderSize(io.LimitReader(page, maxPage), 64<<10)}
	if err := in.find(); err != nil {
		return nil, err
	}
	body := &body{in: in}
	record, err := unpack(body)
	if failed := in.failed(err); failed != nil {
		return nil, failed
	}
	// Read on to the seal, also where the rest is of no use.
	_, rest := io.Copy(io.Discard, body)
	if failed := in.failed(rest); failed != nil {
		return nil, failed
	}
	if errors.Is(rest, io.ErrUnexpectedEOF) {
		return nil, &DamageError{"it ends in the middle of its record: it was cut off on its way"}
	}
	if err == nil {
		err = rest
	}
	if err != nil {
		return nil, &DamageError{"its record is damaged: " + err.Error()}
	}
	return record, check(record, body.seal)
}

// unpack returns what a compressed text holds, up to MaxRecord bytes.
func unpack(body io.Reader) ([]byte, error) {
	bytesOf := bufio.NewReader(base64.NewDecoder(base64.StdEncoding, body))
	packed, err := gzip.NewReader(bytesOf)
	if err != nil {
		return nil, err
	}
	packed.Multistream(false)
	pieces, err := readPieces(io.LimitReader(packed, MaxRecord+1))
	if err != nil {
		return nil, err
	}
	if _, err := bytesOf.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, errors.Join(errors.New("something stands behind it"), err)
	}
	return slices.Concat(pieces...), nil
}

// readPieces reads all there is, and refuses more than MaxRecord bytes. It keeps pieces: a
// buffer that grows has up to three times as much in hand.
func readPieces(r io.Reader) (pieces [][]byte, err error) {
	size := 0
	for piece := make([]byte, 0, 1<<20); ; {
		n, err := r.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		if size += n; size > MaxRecord {
			return nil, fmt.Errorf("unpacked it is larger than %d MiB", MaxRecord>>20)
		}
		if errors.Is(err, io.EOF) {
			return append(pieces, piece), nil
		}
		if err != nil {
			return nil, err
		}
		if len(piece) == cap(piece) {
			pieces, piece = append(pieces, piece), make([]byte, 0, 1<<20)
		}
	}
}

// check holds a record to its seal.
func check(record []byte, seal string) error {
	size, digest, _ := strings.Cut(seal, " sha256:")
	sum := sha256.Sum256(record)
	if size != strconv.Itoa(len(record)) || digest != hex.EncodeToString(sum[:]) {
		return &DamageError{"its record is damaged: its checksum does not fit"}
	}
	return nil
}

// reader reads the lines of a page.
type reader struct{ *bufio.Reader }

// line returns the next line without its end, valid until the next call; of a
// longer one than fits, nil.
func (r *reader) line() ([]byte, error) {
	line, err := r.ReadSlice('\n')
	long := false
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		line, err = r.ReadSlice('\n')
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return nil, err
	}
	if long {
		return nil, nil
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// find goes behind the mark that begins the record.
func (r *reader) find() error {
	for {
		line, err := r.line()
		if errors.Is(err, io.EOF) {
			return ErrNone
		}
		if err != nil {
			return &readError{err}
		}
		rest, found := bytes.CutPrefix(line, []byte(begin))
		if !found {
			continue
		}
		switch version := strings.TrimSuffix(string(rest), closing); version {
		case format:
			return nil
		default:
			return &DamageError{fmt.Sprintf("its record is of format %.20q, and this phased knows format %s", version, format)}
		}
	}
}

// readError is an error of the reader, which says nothing about the page.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

func (e *readError) Unwrap() error { return e.err }

// failed returns the error of the reader that is behind one of unpacking.
func (r *reader) failed(err error) error {
	if e, ok := errors.AsType[*readError](err); ok {
		return e
	}
	return nil
}

// body is the base64 of a record, up to the seal.
type body struct {
	in   *reader
	rest []byte
	seal string // what stands in the sealing line, once it was read
	err  error  // what comes when rest is empty
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		line, err := b.in.line()
		switch {
		case errors.Is(err, io.EOF):
			b.err = io.ErrUnexpectedEOF
			continue
		case err != nil:
			b.err = &readError{err}
			continue
		}
		if sealed, ok := bytes.CutPrefix(line, []byte(seal)); ok {
			b.seal, b.err = string(sealed), io.EOF
			continue
		}
		if bytes.HasPrefix(line, []byte(end)) {
			b.err = errors.New("it has no checksum")
			continue
		}
		b.rest = append(b.rest[:0], line...)
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}
