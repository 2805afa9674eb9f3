package main

import (
	"context"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
)

// TestPictures takes the pictures of the documentation, of real runs: of the terminal
// while a run goes on and after one has failed, and of the pages. `make screenshots`
// puts them to docs/pictures.
func TestPictures(t *testing.T) {
	s := newShop(t)
	for range 4 {
		s.phased(0, s.refresh("--plain")...)
	}
	s.must(os.WriteFile(filepath.Join(s.dir, "host", "wait"), nil, 0o600))
	s.inTerminal("0048_orders")
	live := s.terminalShows("usually")
	s.must(os.Rename(filepath.Join(s.dir, "host", "wait"), filepath.Join(s.dir, "host", "broken")))
	failed := s.terminalShows("all of its output")
	s.publish()
	s.serve()
	w := newTab(t, s.origin)
	w.terminalPicture("terminal-run", live, "10-schema", "usually")
	w.terminalPicture("terminal-failed", failed, "FAILED", "vat_rate", "phased resume")
	w.pagePictures()
}

// shop is a host that runs a small shop.
type shop struct {
	site
	socket string // of its terminal
}

// newShop makes one in a directory with a short name, which pictures show.
func newShop(t *testing.T) *shop {
	t.Helper()
	dir, err := os.MkdirTemp("", "shop-") //nolint:usetesting // a short name
	s := &shop{site: site{t: t, dir: dir, bin: programs(t)}, socket: filepath.Join(dir, "tmux")}
	s.must(err)
	t.Cleanup(func() { s.must(os.RemoveAll(dir)) })
	s.must(os.CopyFS(filepath.Join(dir, "host"), os.DirFS("testdata/host")))
	return s
}

// refresh is the command line of a run.
func (s *shop) refresh(more ...string) []string {
	return append([]string{"run", "--config", "host/phased.yaml", "--base", "host", "--jobs", "3"}, more...)
}

// publish has the web side show the plan as it is now.
func (s *shop) publish() {
	s.t.Helper()
	s.phased(0, "plan", "--config", "host/phased.yaml", "--base", "host", "--publish")
}

const columns, rows = 104, 38

// inTerminal types a run into a terminal, and waits until that shows a text.
func (s *shop) inTerminal(text string) {
	s.t.Helper()
	s.tmux("-f", "/dev/null", "start-server", ";", "set", "-g", "default-terminal", "tmux-256color", ";",
		"new-session", "-d", "-s", "shop", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), "-c", s.dir,
		"env", "PS1=shop-3# ", "PATH="+s.bin+":/usr/bin:/bin", "LC_ALL=C.UTF-8", "PHASED_STATE_DIR="+s.state(), "bash", "--norc", "--noprofile")
	s.t.Cleanup(func() { s.tmux("kill-server") })
	s.terminalShows("shop-3#")
	s.tmux("send-keys", "-t", "shop", "clear; phased "+strings.Join(s.refresh(), " "), "Enter")
	s.terminalShows(text)
}

// terminalShows waits for a text, and returns all that is shown then.
func (s *shop) terminalShows(text string) string {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		shown := s.tmux("capture-pane", "-p", "-e", "-t", "shop")
		if strings.Contains(plainText(shown), text) {
			return shown
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal does not show %q, but\n%s", text, plainText(shown))
		}
	}
}

// tmux runs a command of the terminal's own server.
func (s *shop) tmux(args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), "tmux", append([]string{"-S", s.socket}, args...)...)
	out, err := cmd.Output()
	if err != nil && args[0] != "kill-server" {
		s.t.Fatalf("tmux %q: %v", args, err)
	}
	return string(out)
}

// terminalPicture paints what a terminal has shown, which has these texts in it.
func (w *tab) terminalPicture(name, shown string, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if !strings.Contains(plainText(shown), text) {
			w.t.Errorf("%s has no %q:\n%s", name, text, plainText(shown))
		}
	}
	w.as(look{width: 1200, height: 300, dark: true})
	w.open("/")
	size := eval[[]float64](w, w.aside(), `(() => {
		document.documentElement.innerHTML = `+inJSON(terminalPage(shown))+`;
		const box = document.querySelector('table').getBoundingClientRect();
		return [Math.ceil(box.right + box.left), Math.ceil(box.bottom + box.top)];
	})()`)
	l := look{width: int64(size[0]), height: int64(size[1]), dark: true}
	w.as(l)
	w.picture(name, l)
}

// terminalPage is a page of what a terminal shows: the policy of the pages allows no
// style in it, so that colours are attributes.
func terminalPage(shown string) string {
	var b strings.Builder
	shown = strings.TrimLeft(shown, "\n")
	b.WriteString(`<body bgcolor="#14171a" text="#d7dde3"><table cellpadding="14"><tr><td><pre><font face="DejaVu Sans Mono">`)
	var now look8
	rest := strings.TrimRight(shown, "\n")
	for {
		at := sgr().FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		b.WriteString(now.paint(rest[:at[0]]))
		now.set(rest[at[2]:at[3]])
		rest = rest[at[1]:]
	}
	b.WriteString(now.paint(rest) + `</font></pre></td></tr></table></body>`)
	return b.String()
}

func sgr() *regexp.Regexp { return regexp.MustCompile("\x1b\\[([0-9;:]*)m") }

func plainText(shown string) string { return sgr().ReplaceAllString(shown, "") }

// look8 is how a terminal paints at one place, with its eight colours.
type look8 struct {
	colour    string
	bold, dim bool
}

// set takes the numbers of an escape sequence.
func (l *look8) set(numbers string) {
	palette := [...]string{"#6b7680", "#ff8f85", "#6fd19a", "#f0b45a", "#84b9f5", "#d3a4f0", "#6fd0d8", "#e3e8ec"}
	for one := range strings.SplitSeq(numbers, ";") {
		n, _ := strconv.Atoi(one) // nothing stands for 0
		switch {
		case n == 0:
			*l = look8{}
		case n == 1:
			l.bold = true
		case n == 2:
			l.dim = true
		case n == 22:
			l.bold, l.dim = false, false
		case n >= 30 && n <= 37:
			l.colour = palette[n-30]
		case n >= 90 && n <= 97:
			l.colour = palette[n-90]
		case n == 39:
			l.colour = ""
		}
	}
}

// paint returns a text as it is painted.
func (l look8) paint(text string) string {
	colour := l.colour
	if l.dim && colour == "" {
		colour = "#8f9aa5"
	}
	text = html.EscapeString(text)
	if l.bold {
		text = "<b>" + text + "</b>"
	}
	if colour != "" {
		text = `<font color="` + colour + `">` + text + "</font>"
	}
	return text
}

// pagePictures takes a picture of each kind of page, at three widths, light and dark:
// two of each where they are not kept.
func (w *tab) pagePictures() {
	w.t.Helper()
	const tallest = 1600
	pages := []struct{ name, path string }{
		{"runs", "/"},
		{"run-failed", "/runs/last"},
		{"run", "/runs/-2"},
		{"hook", "/runs/last/phases/migration/hooks/10-schema"},
		{"plan", "/runs/last/plan"},
		{"compare", "/compare?b=last"},
	}
	for _, p := range pages {
		for _, width := range []int64{390, 768, 1280} {
			for _, dark := range []bool{false, true} {
				if os.Getenv("PHASED_PICTURES") == "" && (width == 768 || dark != (width == 390)) {
					continue
				}
				l := look{width: width, height: 700, dark: dark, still: true}
				w.as(l)
				w.open(p.path)
				name := fmt.Sprintf("%s-%d-%s.webp", p.name, width, map[bool]string{false: "light", true: "dark"}[dark])
				w.shoot(name, l, tallest)
				w.keep(name, w.capture(l, tallest, page.CaptureScreenshotFormatWebp))
			}
		}
	}
}
