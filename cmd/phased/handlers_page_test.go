package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestHandlersPage runs the hooks of docs/handlers.md: the service is restarted
// once, and not in the next run.
func TestHandlersPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/handlers.md")
	if err != nil {
		t.Fatal(err)
	}
	h := notifyHost(t)
	for name := range notifyHooks() { // the page has its own
		if err := os.Remove(filepath.Join(h.dir, "base", name)); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(h.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	found := regexp.MustCompile("(?s)`([a-z-]+\\.d/[^`]+)`:\n\n```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(found) != 3 {
		t.Fatalf("the page has %d hooks", len(found))
	}
	for _, f := range found {
		text := strings.NewReplacer("/usr/share/site", h.dir, "/etc/", h.dir+"/etc/").Replace(f[2])
		write("base/"+f[1], text)
	}
	write("nginx.conf.in", "listen @PORT@;\n")
	write("etc/nginx/conf.d/a.conf", "a\n")
	write("etc/site/new.pem", "key\n")
	write("bin/systemctl", "#!/bin/sh\necho \"$@\" >>\"$STATE/log\"\n")
	run := func(want string) {
		t.Helper()
		if out, err := h.runNotify().CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if log, _ := os.ReadFile(filepath.Join(h.dir, "log")); string(log) != want {
			t.Errorf("restarted: %q, want %q", log, want)
		}
	}
	const once = "restart nginx\n"
	run(once)
	run(once)
	write("etc/nginx/conf.d/b.conf", "b\n")
	run(once + once)
	write("etc/site/new.pem", "other key\n")
	run(once + once + once)
	run(once + once + once)
}
