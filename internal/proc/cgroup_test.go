package proc

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCgroupOf(t *testing.T) {
	const (
		unified = "25 20 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		hybrid  = "10 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n19 10 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n20 10 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	)
	for name, c := range map[string]struct {
		mounts, own string
		want        Cgroup
		err         string
	}{
		"unified":                 {unified, "0::/system.slice/x.service\n", Cgroup{"/sys/fs/cgroup", "/system.slice/x.service"}, ""},
		"hybrid":                  {hybrid, "4:memory:/a\n1:name=systemd:/b\n0::/c\n", Cgroup{"/sys/fs/cgroup/unified", "/c"}, ""},
		"the root":                {hybrid, "0::/\n", Cgroup{"/sys/fs/cgroup/unified", "/"}, ""},
		"a part is mounted":       {strings.Replace(unified, " / ", " /docker/ab ", 1), "0::/docker/ab/sub\n", Cgroup{"/sys/fs/cgroup", "/sub"}, ""},
		"all of the part":         {strings.Replace(unified, " / ", " /docker/ab ", 1), "0::/docker/ab\n", Cgroup{"/sys/fs/cgroup", "/"}, ""},
		"another part is mounted": {strings.Replace(unified, " / ", " /docker/ab ", 1), "0::/docker/abc\n", Cgroup{}, "shows /docker/ab, and not /docker/abc"},
		"a blank":                 {`25 20 0:23 / /mnt/a\040b rw - cgroup2 none rw` + "\n", "0::/x\n", Cgroup{"/mnt/a b", "/x"}, ""},
		"two mounts":              {unified + "30 20 0:23 / /mnt rw - cgroup2 none rw\n", "0::/x\n", Cgroup{"/mnt", "/x"}, ""},
		"the second shows less":   {unified + "30 20 0:23 /y /mnt rw - cgroup2 none rw\n", "0::/x\n", Cgroup{"/sys/fs/cgroup", "/x"}, ""},
		"only version 1":          {strings.Replace(hybrid, "cgroup2", "cgroup", 2), "1:name=systemd:/\n", Cgroup{}, "names no place"},
		"not mounted":             {"", "0::/\n", Cgroup{}, "no cgroup2"},
		"outside of its namespace": {
			unified, "0::/../x\n",
			Cgroup{},
			"outside of its cgroup namespace",
		},
		"a mount of another namespace": {strings.Replace(unified, " / ", " /../.. ", 1), "0::/\n", Cgroup{}, "shows /../.."},
		"removed":                      {unified, "0::/x (deleted)\n", Cgroup{"/sys/fs/cgroup", "/x"}, ""},
	} {
		got, err := cgroupOf([]byte(c.mounts), []byte(c.own))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" || (c.err == "") != (err == nil) || !strings.Contains(text, c.err) {
			t.Errorf("%s: %v, expected %q\n-want +got:\n%s", name, err, c.err, diff)
		}
	}
}

// What the kernel says of this process must be understood.
func TestOwnCgroup(t *testing.T) {
	c, err := OwnCgroup()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.Dir() + "/cgroup.procs"); err != nil {
		t.Errorf("%+v: %v", c, err)
	}
	if pids, err := CgroupPids(c.Dir() + "/no-such"); err != nil || len(pids) > 0 {
		t.Errorf("of one that is not there: %v, %v", pids, err)
	}
}
