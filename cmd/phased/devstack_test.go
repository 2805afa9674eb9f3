package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// devstackCases are what DevStack's own loops do, with the runner that compares.
const devstackCases = "../../testdata/conformance/devstack"

// devstackCount is how many cases there are: one that got lost is a failure.
const devstackCount = 96

// TestDevStackCases runs every case against the program as it is shipped.
func TestDevStackCases(t *testing.T) {
	bin := shipped(t)
	cases, err := filepath.Glob(filepath.Join(devstackCases, "*", "cmds"))
	if err != nil || len(cases) != devstackCount {
		t.Fatalf("%d cases, %v; expected %d", len(cases), err, devstackCount)
	}
	state := filepath.Join(filepath.Dir(bin), "state")
	if err := errors.Join(os.Mkdir(state, 0o755), os.Chmod(state, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		name := filepath.Base(filepath.Dir(c))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A record of its own, also where the case runs as nobody.
			runDevStackCase(t, "/usr/bin/env PHASED_STATE_DIR="+filepath.Join(state, name)+" "+bin, name)
		})
	}
}

func runDevStackCase(t *testing.T, command, name string) {
	t.Helper()
	cmd := exec.Command("/bin/bash", filepath.Join(devstackCases, "run-cases.sh"), "-v", command, name)
	cmd.Env = append(os.Environ(), "CASE_TIMEOUT=120", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("pass=1 fail=0 skip=0")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDevStackCasesCanFail lets a program that does nothing run a case.
func TestDevStackCasesCanFail(t *testing.T) {
	out, err := exec.Command("/bin/bash", filepath.Join(devstackCases, "run-cases.sh"), "-v", "/bin/true", "order-basic").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "FAIL order-basic") {
		t.Errorf("%v\n%s", err, out)
	}
}

// shipped builds phased as make build does, where every user can execute it.
func shipped(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "phased-shipped-") //nolint:usetesting // a TempDir lies where only its owner gets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "phased")
	cmd := exec.Command("go", "build", "-o", bin, "-trimpath", "-ldflags", "-s -w", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	return bin
}
