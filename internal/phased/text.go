package phased

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Text is a string of arbitrary bytes: a file name, an argument, output of a
// hook. In JSON it is a string where it is valid UTF-8 and {"b64": "..."}
// (standard base64) where it is not, so that what comes out is byte for byte
// what went in.
type Text string

type base64Text struct {
	B64 []byte `json:"b64"`
}

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(p []byte) error {
	p = bytes.TrimSpace(p)
	if len(p) > 0 && p[0] == '{' {
		var v base64Text
		if err := json.Unmarshal(p, &v); err != nil {
			return fmt.Errorf("text is neither a string nor {\"b64\": ...}: %w", err)
		}
		if v.B64 == nil {
			return errors.New("text is neither a string nor {\"b64\": ...}")
		}
		*t = Text(v.B64)
		return nil
	}
	var s string
	if err := json.Unmarshal(p, &s); err != nil {
		return err
	}
	*t = Text(s)
	return nil
}
