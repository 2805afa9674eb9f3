package phased_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"phased/internal/phased"
)

// fill puts a word into every text of a value.
func fill(v reflect.Value, word string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(word)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), word)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				fill(v.Index(i), word)
			}
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				fill(f, word)
			}
		}
	}
}

// textsWith returns the paths of the texts of a value that have a word.
func textsWith(v any, word string) map[string]bool {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var whole any
	if err := json.Unmarshal(b, &whole); err != nil {
		panic(err)
	}
	found := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case string:
			if strings.Contains(v, word) {
				found[path] = true
			}
		case []any:
			for _, e := range v {
				walk(path, e)
			}
		case map[string]any:
			for k, e := range v {
				walk(path+"."+k, e)
			}
		}
	}
	walk("", whole)
	return found
}

// Every text of every payload is cleaned, but for those that are listed here;
// what was given is as it was.
func TestCleanedCleansEveryText(t *testing.T) {
	left := map[string]bool{}
	for path := range strings.FieldsSeq(`
		run.started.lifecycle run.started.base run.started.roots run.started.settings run.started.plan_digest run.started.personality run.started.host
		run.started.boot_id run.started.version run.started.user run.started.sudo_user run.started.parent run.started.resumes run.started.from
		run.started.output run.started.phases run.started.inherited.type run.started.inherited.path run.started.surroundings.dir run.started.surroundings.stdin
		run.failed.phase run.failed.exit.cause run.failed.trace.how run.failed.trace.variables.name run.failed.trace.variables.value.attributes run.failed.trace.variables.value.digest
		run.finished.status run.finished.failure.phase run.finished.failure.exit.cause run.finished.failure.trace.how
		run.finished.failure.trace.variables.name run.finished.failure.trace.variables.value.attributes run.finished.failure.trace.variables.value.digest
		run.stopping.signal session.started.bash session.started.options session.started.restored session.ended.exit.cause
		phase.skipped.phase phase.skipped.reason phase.finished.phase phase.finished.status phase.started.phase phase.started.when phase.started.parallel
		phase.started.entries.root phase.started.entries.verdict phase.started.entries.number phase.started.entries.mode phase.started.entries.digest
		phase.started.entries.leak phase.started.entries.frequency phase.started.entries.inputs hook.started.inputs.path hook.started.inputs.digest
		run.started.containment.mode run.started.containment.path run.started.containment.why hook.finished.leak
		run.waiting.closed_by run.waiting.requests.phase run.waiting.requests.when run.waiting.boot_id
		phase.started.entries.plugin phase.started.differences.what
		hook.skipped.phase hook.skipped.reason hook.started.phase hook.started.files.type hook.started.files.path hook.started.run
		hook.output.phase hook.output.stream hook.output.text hook.progress.phase hook.progress.last.stream hook.progress.last.text hook.cut.phase hook.signalled.phase hook.signalled.signal
		hook.finished.phase hook.finished.exit.cause hook.finished.files.type hook.finished.files.path hook.finished.trace.how
		hook.finished.trace.variables.name hook.finished.trace.variables.value.attributes hook.finished.trace.variables.value.digest
		hook.warning.phase hook.warning.code hook.slow.phase hook.summary.phase hook.notified.phase`) {
		left[path] = true
	}
	for _, zero := range phased.Payloads() {
		kind := string(zero.Kind())
		if kind == string(phased.KindRunInterrupted) || kind == string(phased.KindSpaceChanged) {
			continue // made by a reader of what is clean; cleaned where it comes from
		}
		v := reflect.New(reflect.TypeOf(zero)).Elem()
		fill(v, "hunter22")
		p := v.Interface().(phased.Payload)
		before, _ := json.Marshal(p)
		cleaned := phased.Cleaned(p, func(s string) string { return strings.ReplaceAll(s, "hunter22", "[secret]") })
		for path := range textsWith(cleaned, "hunter22") {
			if !left[kind+path] {
				t.Errorf("%s%s is not cleaned", kind, path)
			}
			delete(left, kind+path)
		}
		if after, _ := json.Marshal(p); string(after) != string(before) {
			t.Errorf("%s: what was given has changed", kind)
		}
	}
	for path := range left {
		t.Errorf("%s is cleaned, or is not there", path)
	}
}
