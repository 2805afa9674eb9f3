package report

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"phased/internal/phased"
)

func sampleSpace() phased.SpaceView {
	v := phased.SpaceView{Run: otherID, Phase: "install", Hook: "50-heat.sh"}
	add := func(kind phased.ChangeKind, name string, value phased.Value, by string) {
		phase, hook, _ := strings.Cut(by, "/")
		v.Entries = append(v.Entries, phased.SpaceEntry{Kind: kind, Name: phased.Text(name), Value: value, ByPhase: phase, ByHook: phased.Text(hook)})
	}
	long := "keystone,glance,nova,cinder,neutron,heat,h-api,h-eng,h-api-cfn,h-api-cw,horizon,tempest,mysql,rabbit,placement"
	add(phased.ChangeVariable, "DEST", phased.Value{Text: "/opt/stack", Attributes: "x"}, "")
	add(phased.ChangeVariable, "DB_PASSWORD", phased.Value{Secret: true}, "localrc/local.conf")
	add(phased.ChangeVariable, "ENABLED_SERVICES", phased.Value{Text: phased.Text(long)}, "source/50-heat.sh")
	add(phased.ChangeVariable, "EMPTY", phased.Value{}, "")
	add(phased.ChangeVariable, "HEAT_ARGS", phased.Value{Text: `([0]="a b" [1]="c")`, Attributes: "a"}, "source/50-heat.sh")
	add(phased.ChangeVariable, "NEVER", phased.Value{Unset: true, Attributes: "ir"}, "source/50-heat.sh")
	add(phased.ChangeVariable, "NOTE", phased.Value{Text: "two\nlines\x1b[2J of\ttext \xff"}, "source/50 odd.sh")
	add(phased.ChangeVariable, "HUGE", phased.Value{Text: phased.Text(strings.Repeat("0123456789", 30)), Size: 123456}, "")
	v.Entries = append(v.Entries, phased.SpaceEntry{Kind: phased.ChangeVariable, Name: "tmp", Value: phased.Value{Text: "für später"}, Local: true, ByPhase: "install", ByHook: "50-heat.sh"})
	add(phased.ChangeFunction, "install_heat", phased.Value{Size: 2345, Digest: "0123456789abcdef0123"}, "source/50-heat.sh")
	add(phased.ChangeFunction, "echo-it", phased.Value{Size: 17, Digest: "89abcdef01230123", Attributes: "x"}, "")
	for _, o := range []string{"allexport:off", "errexit:on", "hashall:on", "xtrace:on"} {
		name, state, _ := strings.Cut(o, ":")
		add(phased.ChangeOption, name, phased.Value{Text: phased.Text(state)}, "")
	}
	add(phased.ChangeShopt, "extglob", phased.Value{Text: "off"}, "")
	add(phased.ChangeAlias, "ll", phased.Value{Text: "ls -l"}, "")
	add(phased.ChangeTrap, "EXIT", phased.Value{Text: "rm -rf \"$tmp\""}, "install/50-heat.sh")
	add(phased.ChangeDirectory, "", phased.Value{Text: "/opt/devstack"}, "")
	add(phased.ChangeUmask, "", phased.Value{Text: "0077"}, "source/50-heat.sh")
	return v
}

func TestEnv(t *testing.T) {
	goldenSession(t, "env", func(b *bytes.Buffer, s Style) {
		view := sampleSpace()
		if err := Env(b, s, Space{View: view}); err != nil {
			t.Error(err)
		}
		b.WriteString("\n[picked]\n")
		view.Phase, view.Hook = "", ""
		picked, err := PickSpace(view, []phased.ChangeKind{phased.ChangeOption, phased.ChangeFunction}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := Env(b, s, Space{View: picked, Picked: true}); err != nil {
			t.Error(err)
		}
		b.WriteString("\n[none]\n")
		picked.Entries = nil
		if err := Env(b, s, Space{View: picked, Picked: true}); err != nil {
			t.Error(err)
		}
	})
}

func TestManyFunctionsAreCounted(t *testing.T) {
	v := phased.SpaceView{Run: otherID}
	for range longKind + 1 {
		v.Entries = append(v.Entries, phased.SpaceEntry{Kind: phased.ChangeFunction, Name: "f"})
	}
	for _, c := range []struct {
		picked, terminal bool
		lines            int
	}{{false, true, 3}, {true, true, longKind + 4}, {false, false, longKind + 1}} {
		var b bytes.Buffer
		if err := Env(&b, Style{Terminal: c.terminal}, Space{View: v, Picked: c.picked}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "\n"); n != c.lines {
			t.Errorf("%+v: %d lines\n%s", c, n, b.String())
		}
	}
}

func TestPickSpace(t *testing.T) {
	v := phased.SpaceView{Entries: []phased.SpaceEntry{
		{Kind: phased.ChangeVariable, Name: "HEAT_DIR"},
		{Kind: phased.ChangeVariable, Name: "heat_dir"},
		{Kind: phased.ChangeFunction, Name: "HEAT_f"},
		{Kind: phased.ChangeFunction, Name: "HEAT/a/b"},
		{Kind: phased.ChangeUmask},
	}}
	for _, c := range []struct {
		kinds []phased.ChangeKind
		names []string
		want  string
	}{
		{nil, nil, "HEAT_DIR heat_dir HEAT_f HEAT/a/b "},
		{nil, []string{"HEAT*"}, "HEAT_DIR HEAT_f HEAT/a/b"},
		{[]phased.ChangeKind{phased.ChangeVariable}, []string{"HEAT*"}, "HEAT_DIR"},
		{nil, []string{"heat_dir", "HEAT_?"}, "heat_dir HEAT_f"},
		{[]phased.ChangeKind{phased.ChangeUmask, phased.ChangeVariable}, nil, "HEAT_DIR heat_dir "},
		{nil, []string{"no"}, ""},
	} {
		got, err := PickSpace(v, c.kinds, c.names)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range got.Entries {
			names = append(names, string(e.Name))
		}
		if s := strings.Join(names, " "); s != c.want {
			t.Errorf("%v %q: %q, want %q", c.kinds, c.names, s, c.want)
		}
		if got.Entries == nil {
			t.Errorf("%v %q: entries would be null in JSON", c.kinds, c.names)
		}
	}
	if len(v.Entries) != 5 || v.Entries[1].Name != "heat_dir" {
		t.Error("the view that was given has changed")
	}
	if _, err := PickSpace(v, nil, []string{"[a"}); err == nil {
		t.Error("[a is taken as a pattern")
	}
}

func sampleBlame() Blamed {
	at := func(n int) time.Time {
		return time.Date(2026, 3, 1, 2, 12, 9, 0, time.UTC).Add(time.Duration(n) * time.Second)
	}
	services := "keystone,glance,nova,cinder,neutron,placement,horizon,tempest,mysql,rabbit,swift,etcd3"
	change := func(what string, was, is *phased.Value) phased.Change {
		return phased.Change{Kind: phased.ChangeVariable, Name: "ENABLED_SERVICES", What: what, Was: was, Is: is}
	}
	return Blamed{Run: otherID, Name: "ENABLED_SERVICES", Steps: []phased.BlameStep{
		{Seq: 3, Time: at(0), Change: change(phased.WhatSet, nil, text("mysql"))},
		{Seq: 9, Time: at(1), Phase: "libraries", Hook: "20-services.sh", Change: change(phased.WhatChanged, text("mysql"), text(services))},
		{Seq: 14, Time: at(70), Phase: "source", Hook: "50-heat.sh", File: extras + "50-heat.sh", Line: 12, Change: change(phased.WhatChanged, text(services), text(services+",heat,h-api,h-eng"))},
		{Seq: 15, Time: at(71), Phase: "source", Hook: "50-heat.sh", Change: change(phased.WhatChanged, text("a"), &phased.Value{Text: "a", Attributes: "rx"})},
		{Seq: 16, Time: at(72), Phase: "source", Hook: "60-x.sh", Change: change(phased.WhatChanged, &phased.Value{Secret: true}, &phased.Value{Secret: true})},
		{Seq: 17, Time: at(73), Phase: "source", Hook: "60-x.sh", Change: change(phased.WhatRemoved, text("line 1\nline 2\n"), nil)},
	}}
}

func TestBlame(t *testing.T) {
	goldenSession(t, "blame", func(b *bytes.Buffer, s Style) {
		local := phased.BlameStep{Phase: "install", Change: phased.Change{Kind: phased.ChangeVariable, Name: "x", What: phased.WhatRemoved, Was: text("1"), Local: true}}
		function := phased.BlameStep{Phase: "install", Hook: "50-heat.sh", Change: phased.Change{
			Kind: phased.ChangeFunction, Name: "x", What: phased.WhatChanged,
			Was: &phased.Value{Size: 12, Digest: "aaaa"}, Is: &phased.Value{Size: 14, Digest: "bbbb"},
		}}
		for _, story := range []Blamed{sampleBlame(), {Run: otherID, Name: "x", Steps: []phased.BlameStep{local, function}}, {Run: otherID, Name: "no\nname"}} {
			if err := Blame(b, s, story); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestBlameShowsTheDifference wants what changed of a long value to be seen, at
// every width.
func TestBlameShowsTheDifference(t *testing.T) {
	for _, width := range []int{40, 60, 80, 120} {
		var b bytes.Buffer
		if err := Blame(&b, Style{Terminal: true, Width: width, Unicode: true}, sampleBlame()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "h-eng") {
			t.Errorf("width %d: what was added is not shown\n%s", width, b.String())
		}
	}
}

// TestShownWord wants a value that is not cut to be a word that bash reads as
// the same value, and one that is cut to fit.
func TestShownWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.OneOf(rapid.ByteRange(1, 255), rapid.SampledFrom([]byte("a '\"\\\n\x1b$`!")))).Draw(t, "in"))
		if rapid.Bool().Draw(t, "text") {
			in = strings.ReplaceAll(rapid.String().Draw(t, "unicode"), "\x00", "")
		}
		whole := word(in)
		if !utf8.ValidString(whole) || Safe(whole, false) != whole || strings.ContainsAny(whole, "\n\x1b") {
			t.Fatalf("%q is shown as %q", in, whole)
		}
		out, err := exec.Command("bash", "-c", "printf %s "+whole+"; printf .").Output()
		if err != nil || string(out) != in+"." {
			t.Fatalf("%s is %q for bash, want %q; %v", whole, out, in, err)
		}
		width := rapid.IntRange(30, 130).Draw(t, "width")
		if cut := (Style{Terminal: true, Unicode: true}).shownWord(in, 0, width); columns(cut) > width {
			t.Fatalf("%q takes %d columns, has %d", cut, columns(cut), width)
		}
	})
}
