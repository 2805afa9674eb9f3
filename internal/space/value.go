package space

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"phased/internal/phased"
)

// Most is how many bytes of one value are told.
const Most = 64 << 10

// Withheld stands for a secret element of an array.
const Withheld = "[secret]"

// Text returns the value of a scalar, or an array as bash prints it.
func (v Variable) Text() string {
	if v.IsArray() {
		return v.Raw
	}
	text, err := Decode(v.Raw)
	if err != nil {
		return v.Raw
	}
	return text
}

// IsArray reports whether it is an array, associative or not.
func (v Variable) IsArray() bool { return strings.ContainsAny(v.Attributes, "aA") }

// Value returns the variable as it may be shown.
func (v Variable) Value(name string, r Redactor) *phased.Value {
	d := differ{r: r}
	return d.variable(name, v)
}

func (d *differ) variable(name string, v Variable) *phased.Value {
	switch {
	case !v.Set:
		return &phased.Value{Attributes: v.Attributes, Unset: true}
	case d.r.Secret(name):
		return &phased.Value{Attributes: v.Attributes, Secret: true}
	}
	text := v.Text()
	if v.IsArray() {
		text = d.withhold(text)
	}
	value := d.clean(text)
	value.Attributes = v.Attributes
	return value
}

// text makes the value of what has no attributes.
func (d *differ) text(name, text string) *phased.Value {
	if name != "" && d.r.Secret(name) {
		return &phased.Value{Secret: true}
	}
	return d.clean(text)
}

// clean makes a value of a text. Bash quotes, so that a secret within an array
// may be written in two ways: what is learned knows both.
func (d *differ) clean(text string) *phased.Value {
	text = d.r.Clean(text)
	value := &phased.Value{Text: phased.Text(text)}
	if len(text) > Most {
		value.Text, value.Size = phased.Text(text[:Most]), len(text)
	}
	return value
}

// withhold replaces the elements of an array whose keys are secret names.
func (d *differ) withhold(raw string) string {
	all, err := elements(raw)
	if err != nil {
		return raw
	}
	var b strings.Builder
	found := false
	for i, e := range all {
		if key, err := Decode(e.key); err == nil && d.r.Secret(key) {
			e.value, found = Withheld, true
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("[" + e.key + "]=" + e.value)
	}
	if !found {
		return raw
	}
	return "(" + b.String() + ")"
}

func functionValue(f Function) *phased.Value {
	sum := sha256.Sum256([]byte(f.Text))
	return &phased.Value{Attributes: f.Attributes, Size: len(f.Text), Digest: hex.EncodeToString(sum[:6])}
}

func onOff(on bool) *phased.Value {
	if on {
		return &phased.Value{Text: "on"}
	}
	return &phased.Value{Text: "off"}
}

// learn tells the redactor the secrets that are not in both spaces.
func (d *differ) learn() {
	l, ok := d.r.(learner)
	if !ok {
		return
	}
	for _, vars := range [][2]map[string]Variable{{d.was.Variables, d.is.Variables}, {d.was.Locals, d.is.Locals}} {
		for name, v := range vars[1] {
			old, had := vars[0][name]
			if had && old == v {
				continue
			}
			d.teach(l, name, v)
			d.teach(l, name, old)
		}
		for name, v := range vars[0] {
			if _, has := vars[1][name]; !has {
				d.teach(l, name, v)
			}
		}
	}
}

// teach tells every value of a secret variable, and of an element with a
// secret key; of an array's elements also as they are quoted.
func (d *differ) teach(l learner, name string, v Variable) {
	if !v.Set {
		return
	}
	secret := d.r.Secret(name)
	if !v.IsArray() {
		if secret {
			l.Learn(name, v.Text())
			l.Learn(name, inner(v.Raw))
		}
		return
	}
	all, err := elements(v.Raw)
	if err != nil {
		return
	}
	for _, e := range all {
		key, err := Decode(e.key)
		name := name
		if !secret {
			if err != nil || !d.r.Secret(key) {
				continue
			}
			name = key
		}
		if text, err := Decode(e.value); err == nil {
			l.Learn(name, text)
			l.Learn(name, inner(e.value))
		}
	}
}

// inner returns what stands between the quotes.
func inner(raw string) string {
	raw = strings.TrimPrefix(raw, "$")
	if len(raw) >= 2 {
		return raw[1 : len(raw)-1]
	}
	return raw
}
