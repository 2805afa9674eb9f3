package proc

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestCaller looks behind shells that were given one command, and at no others.
func TestCaller(t *testing.T) {
	self, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		argv []string
		want string
	}{
		"started":                     {[]string{"cat"}, self.Command},
		"by sh -c":                    {[]string{"sh", "-c", "cat; :"}, self.Command},
		"by two of them":              {[]string{"sh", "-c", "bash -c 'cat; :'; :"}, self.Command},
		"by a script":                 {[]string{"bash", "-e", "-c", "cat; :"}, "bash"},
		"by another program":          {[]string{"setpriv", "--pdeathsig", "KILL", "cat"}, self.Command}, // it becomes cat
		"by a shell with other words": {[]string{"sh", "-ec", "cat; :"}, "sh"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(tt.argv[0], tt.argv[1:]...)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Wait() }()
			defer in.Close()
			if _, err := in.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 1)); err != nil { // cat is there
				t.Fatal(err)
			}
			cat, err := leaf(cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Caller(cat.Parent)
			if err != nil || got.Command != tt.want {
				t.Errorf("the caller is %q (%v), want %q", got.Command, err, tt.want)
			}
		})
	}
	if got, err := Caller(1 << 30); err == nil {
		t.Errorf("a process that is not there has the caller %+v", got)
	}
}

// leaf returns the youngest process below one, or it.
func leaf(pid int) (Stat, error) {
	all, err := All()
	if err != nil {
		return Stat{}, err
	}
	s, err := Read(pid)
	for _, d := range Descendants(all, pid) {
		if d.Command == "cat" {
			return d, nil
		}
	}
	if s.Command != "cat" {
		err = fmt.Errorf("no cat below %d", pid)
	}
	return s, err
}
