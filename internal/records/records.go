// Package records reads what a bash of phased's tells: records of NUL-ended
// fields, each the number of its fields and then these, written by
//
//	builtin printf '%s\0' N FIELD...
//
// Fields hold any bytes but NUL. It is a leaf: it reads memory and nothing else,
// and knows no field's meaning.
package records

import (
	"bytes"
	"errors"
	"strconv"
)

// The bounds of one record. What is beyond them is no record.
const (
	MaxFields = 1 << 17
	MaxBytes  = 8 << 20
)

// ErrShort says that the bytes may be the beginning of a record, and no more.
var ErrShort = errors.New("record is not complete")

// ErrBad says that the bytes are no record: nothing behind them can be told
// apart.
var ErrBad = errors.New("not a record")

// Next takes the first record off b and returns its fields, which stand in b's
// memory, and what comes after it. The error is ErrShort or ErrBad.
func Next(b []byte) (fields [][]byte, rest []byte, err error) {
	n, used, err := count(b)
	if err != nil {
		return nil, b, err
	}
	fields = make([][]byte, 0, min(n, 16))
	for len(fields) < n {
		end := bytes.IndexByte(b[used:], 0)
		if end < 0 {
			if len(b) > MaxBytes {
				return nil, b, ErrBad
			}
			return nil, b, ErrShort
		}
		if used += end + 1; used > MaxBytes {
			return nil, b, ErrBad
		}
		fields = append(fields, b[used-end-1:used-1])
	}
	return fields, b[used:], nil
}

// count reads the number that a record begins with, and how many bytes it takes.
func count(b []byte) (n, used int, err error) {
	const most = len("131072") + 1
	end := bytes.IndexByte(b[:min(len(b), most)], 0)
	digits := b[:min(len(b), most)]
	if end >= 0 {
		digits = b[:end]
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, 0, ErrBad
		}
	}
	switch {
	case end < 0 && len(b) >= most:
		return 0, 0, ErrBad
	case end < 0:
		return 0, 0, ErrShort
	}
	n, err = strconv.Atoi(string(digits))
	if err != nil || n < 1 || n > MaxFields || digits[0] == '0' {
		return 0, 0, ErrBad
	}
	return n, end + 1, nil
}

// Append adds a record to b. Fields hold no NUL.
func Append(b []byte, fields ...string) []byte {
	b = append(strconv.AppendInt(b, int64(len(fields)), 10), 0)
	for _, f := range fields {
		b = append(append(b, f...), 0)
	}
	return b
}
