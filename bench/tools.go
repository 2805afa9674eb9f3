package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tool is one contestant.
type tool struct {
	name string
	// argv and env run the hooks of a tree.
	argv func(tree) []string
	env  func(tree) []string
	// state is where it keeps its record, "" where it keeps none.
	state string
	// native says that hooks' output is captured.
	native bool
	// provenance says that the record has what each hook changed.
	provenance bool
}

const baseline = "C loop: posix_spawn, wait"

// contestants lists what is compared, the C loop first.
func (s *stage) contestants(only []string) ([]tool, error) {
	plain := func(tree) []string { return s.environment(systemPath) }
	all := []tool{
		{name: baseline, argv: func(t tree) []string { return []string{s.spawn, t.phase()} }, env: plain},
		{name: "run-parts (Debian)", argv: func(t tree) []string { return []string{"/usr/bin/run-parts", t.phase()} }, env: plain},
		{name: "dib-run-parts (Debian)", argv: func(t tree) []string { return []string{"/usr/bin/dib-run-parts", t.phase()} }, env: plain},
		{name: "os-refresh-config (Debian)", argv: s.refreshConfig("/usr/bin/os-refresh-config"), env: func(t tree) []string {
			return s.environment(systemPath, "OS_REFRESH_CONFIG_BASE_DIR="+t.base)
		}},
		s.personality("dib-run-parts (phased)", func(t tree) []string {
			return []string{filepath.Join(s.bin, "dib-run-parts"), t.phase()}
		}),
		s.personality("os-refresh-config (phased)", s.refreshConfig(filepath.Join(s.bin, "os-refresh-config"))),
		s.native("phased run"),
	}
	for _, how := range []string{"reaper", "off"} {
		c, err := s.contained(how)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	picked := pick(all, only)
	if len(picked) == 1 {
		return nil, fmt.Errorf("-tools %s names no tool that executes hooks (-hooks 0 -mib 0 leave those out)", strings.Join(only, ","))
	}
	return picked, nil
}

// pick returns the baseline, which comes first, and what is wanted of the others.
func pick(all []tool, only []string) []tool {
	picked := all[:1:1]
	for _, c := range all[1:] {
		if wanted(c.name, only) {
			picked = append(picked, c)
		}
	}
	return picked
}

func wanted(name string, only []string) bool {
	for _, part := range only {
		if strings.Contains(name, part) {
			return true
		}
	}
	return len(only) == 0
}

func (s *stage) refreshConfig(program string) func(tree) []string {
	return func(tree) []string { return []string{program, "--lockfile", filepath.Join(s.dir, "lock")} }
}

// personality is phased under another name, found first on PATH as on a host
// where it stands in.
func (s *stage) personality(name string, argv func(tree) []string) tool {
	state := filepath.Join(s.dir, "state-"+slug(name))
	return tool{name: name, argv: argv, state: state, env: func(t tree) []string {
		return s.environment(s.bin+":"+systemPath, "OS_REFRESH_CONFIG_BASE_DIR="+t.base, "PHASED_STATE_DIR="+state)
	}}
}

// native is `phased run`, with journal and capture, as it comes.
func (s *stage) native(name string) tool {
	state := filepath.Join(s.dir, "state-"+slug(name))
	return tool{
		name: name, state: state, native: true,
		argv: func(t tree) []string {
			return []string{filepath.Join(s.bin, "phased"), "run", "--base", t.base, "--state-dir", state}
		},
		env: func(tree) []string { return s.environment(systemPath) },
	}
}

// contained is `phased run` that contains hooks in another way than by cgroups:
// the difference is what they cost.
func (s *stage) contained(how string) (tool, error) {
	return s.configured("phased run, containment: "+how, "containment: "+how+"\n")
}

// configured is `phased run` with a settings file.
func (s *stage) configured(name, settings string) (tool, error) {
	c := s.native(name)
	config := filepath.Join(s.dir, slug(name)+".yaml")
	if err := os.WriteFile(config, []byte(settings), 0o644); err != nil {
		return c, err
	}
	argv := c.argv
	c.argv = func(t tree) []string { return append(argv(t), "--config", config) }
	return c, nil
}

// secretive is `phased run` that keeps ten declared secrets out of the record:
// passwords, and the last a key of many lines.
func (s *stage) secretive() (tool, error) {
	var settings strings.Builder
	settings.WriteString("secrets:\n  files:\n")
	for i := range 10 {
		file := filepath.Join(s.dir, fmt.Sprintf("secret-%d", i))
		secret := fmt.Sprintf("correct-horse-%d-battery-%d\n", i*7919, i)
		if i == 9 {
			secret = strings.Repeat("MIIEpAIBAAKCAQEA0m59l2u9iDnMbrXHfqkOrn2dVQ3vfBJqcDuFUK03d+1PZGbV\n", 25)
		}
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			return tool{}, err
		}
		settings.WriteString("    - " + file + "\n")
	}
	return s.configured("phased run, 10 secrets", settings.String())
}
