package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"phased/internal/phased"
)

// maxLine is the longest line that is written and read, in bytes.
const maxLine = 64 << 20

// A line ends with its checksum as the object's last field: CRC-32C over all
// bytes before the comma.
const (
	crcField = `,"crc":"`
	crcLen   = len(crcField) + 8 + len(`"}`)
)

// CorruptError tells of a run file that cannot be read on from some line. What
// stands before that line is good.
type CorruptError struct {
	File   string
	Line   int // 1 is the first
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("run file %s is damaged at line %d: %s", e.File, e.Line, e.Reason)
}

// smallLine is the length of lines, in bytes, whose checksum is made without the
// tables of hash/crc32. To make these takes 0.2 ms, for which the first hook of
// every run would wait.
const smallLine = 4 << 10

// checksum returns the CRC-32C of p.
func checksum(p []byte) uint32 {
	if len(p) > smallLine {
		return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))
	}
	// by the polynomial 0x82f63b78, four bits at a time
	nibbles := [16]uint32{
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	}
	sum := ^uint32(0)
	for _, c := range p {
		sum ^= uint32(c)
		sum = sum>>4 ^ nibbles[sum&15]
		sum = sum>>4 ^ nibbles[sum&15]
	}
	return ^sum
}

// appendLine appends the event as one line.
func appendLine(b []byte, e phased.Event) ([]byte, error) {
	start := len(b)
	b, err := e.AppendJSON(b)
	if err != nil {
		return nil, err
	}
	b = b[:len(b)-1] // the brace
	sum := checksum(b[start:])
	b = append(b, crcField...)
	b = hex.AppendEncode(b, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	b = append(b, "\"}\n"...)
	if n := len(b) - start; n > maxLine {
		return nil, fmt.Errorf("event %d (%s) makes a line of %d bytes; at most %d can be read again", e.Seq, e.Data.Kind(), n, maxLine)
	}
	return b, nil
}

// sound reports whether a line, without its newline, has the checksum that it
// says.
func sound(line []byte) bool {
	if !sealed(line) || line[0] != '{' {
		return false
	}
	n := len(line) - crcLen
	var sum [4]byte
	digits := line[n+len(crcField) : n+len(crcField)+8]
	if bytes.ContainsAny(digits, "ABCDEF") {
		return false
	}
	if _, err := hex.Decode(sum[:], digits); err != nil {
		return false
	}
	want := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	return checksum(line[:n]) == want
}

// sealed reports whether a line ends in a checksum, be it right or wrong.
func sealed(line []byte) bool {
	n := len(line) - crcLen
	return n >= 1 && string(line[n:n+len(crcField)]) == crcField && string(line[len(line)-2:]) == `"}`
}

// record is one sound line of which only the head is known.
type record struct {
	run  string
	seq  uint64
	mono time.Duration
	kind phased.Kind
	line []byte        // valid until the next line is read
	full *phased.Event // where the whole had to be decoded anyway
}

// closing reports whether it is the last event of its run.
func (r record) closing() bool {
	switch r.kind {
	case phased.KindRunFinished, phased.KindRunInterrupted, phased.KindRunWaiting:
		return true
	}
	return false
}

// event decodes the whole line.
func (r record) event() (phased.Event, error) {
	if r.full != nil {
		return *r.full, nil
	}
	return phased.ParseEvent(r.line)
}

// brief decodes what a fold needs: output, which is most of a run file, is left
// out.
func (r record) brief() (phased.Event, error) {
	if r.full == nil && r.kind == phased.KindHookOutput {
		return phased.Event{Run: r.run, Seq: r.seq, Mono: r.mono, Data: phased.HookOutput{}}, nil
	}
	return r.event()
}

// parse reads the head of a sound line. A line as appendLine writes it is not
// decoded any further.
func parse(line []byte) (record, error) {
	if r, ok := parseHead(line); ok {
		return r, nil
	}
	var e phased.Event
	if err := json.Unmarshal(line, &e); err != nil {
		return record{}, err
	}
	return record{run: e.Run, seq: e.Seq, mono: e.Mono, kind: e.Data.Kind(), line: line, full: &e}, nil
}

func parseHead(line []byte) (record, bool) {
	r := record{line: line}
	h := head{line, true}
	h.literal(`{"v":1,"run":"`)
	r.run = string(h.until('"'))
	h.literal(`,"seq":`)
	seq := h.until(',')
	h.literal(`"t":"`)
	h.until('"')
	h.literal(`,"mono":`)
	mono := h.until(',')
	h.literal(`"kind":"`)
	kind := h.until('"')
	h.literal(`,"data":{`)
	if !h.ok || r.run == "" || len(kind) == 0 {
		return r, false
	}
	var err error
	if r.seq, err = strconv.ParseUint(string(seq), 10, 64); err != nil || r.seq == 0 || seq[0] == '0' {
		return r, false
	}
	n, err := strconv.ParseInt(string(mono), 10, 64)
	if err != nil {
		return r, false
	}
	r.mono = time.Duration(n)
	r.kind = phased.Kind(kind)
	return r, true
}

// head takes the head of a line apart.
type head struct {
	rest []byte
	ok   bool
}

func (h *head) literal(s string) {
	rest, ok := bytes.CutPrefix(h.rest, []byte(s))
	h.rest, h.ok = rest, h.ok && ok
}

// until takes the bytes before the mark, and the mark away. Strings with
// escapes in them are for the real decoder.
func (h *head) until(mark byte) []byte {
	const most = 128
	end := min(len(h.rest), most)
	i := bytes.IndexByte(h.rest[:end], mark)
	if i < 0 || bytes.IndexByte(h.rest[:i], '\\') >= 0 {
		h.ok = false
		return nil
	}
	field := h.rest[:i]
	h.rest = h.rest[i+1:]
	return field
}

// newer returns a *phased.NewerVersionError where the line is of a newer event
// format, whatever else it holds; else nil. One that ends as lines of this format
// do and has not their checksum is damaged, perhaps in its version.
func newer(line []byte) error {
	if sealed(line) && !sound(line) {
		return nil
	}
	var only struct {
		V int `json:"v"`
	}
	if json.Unmarshal(line, &only) == nil && only.V > phased.EventVersion {
		return &phased.NewerVersionError{Version: only.V}
	}
	return nil
}
