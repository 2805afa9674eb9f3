package config

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSchemaKeys: the schema has the keys of the decoder's tables, and no other.
func TestSchemaKeys(t *testing.T) {
	type def struct {
		Properties           map[string]json.RawMessage `json:"properties"`
		AdditionalProperties any                        `json:"additionalProperties"`
	}
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		def
		Defs map[string]def `json:"$defs"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	inner := func(key string) (one def) {
		if err := json.Unmarshal(whole.Properties[key], &one); err != nil {
			t.Fatal(err)
		}
		return one
	}
	d := &decoder{}
	beside := d.failureFields(&Phase{})
	for _, c := range []struct {
		name   string
		schema def
		known  []field
	}{
		{"the file", whole.def, d.topFields(&Settings{})},
		{"retention", inner("retention"), d.retentionFields(&Retention{})},
		{"personalities", inner("personalities"), d.personalityFields(&Personalities{})},
		{"secrets", inner("secrets"), d.secretFields(&Secrets{})},
		{"carry", inner("carry"), d.carryFields(&Settings{})},
		{"a lifecycle", whole.Defs["lifecycle"], d.lifecycleFields(&Lifecycle{})},
		{"a phase", whole.Defs["phase"], d.phaseFields(&Phase{})},
		{"failure and success", whole.Defs["beside"], beside},
		{"always", whole.Defs["always"], beside},
		{"a hook", whole.Defs["hook"], d.hookFields(&HookRule{})},
	} {
		var got []string
		for key := range c.schema.Properties {
			got = append(got, key)
		}
		want := fieldKeys("", c.known)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || c.schema.AdditionalProperties != false {
			t.Errorf("%s: further keys are %v; keys (-decoder +schema):\n%s", c.name, c.schema.AdditionalProperties, diff)
		}
	}
}
