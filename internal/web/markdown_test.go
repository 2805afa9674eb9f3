package web

import (
	"strings"
	"testing"

	"phased/internal/report"
)

// bare is a text without what Markdown may take for marks, and without white space.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("#*_`~>-+0123456789.) \t\n|", r) {
			return -1
		}
		return r
	}, text)
}

func FuzzSummaryIsText(f *testing.F) {
	for _, s := range []string{
		"# Title\n\n- a **b** `c`\n- d\n\n1. one\n2) two\n", "```sh\n<script>\n```\nafter", "[x](javascript:alert(1)) <img src=x onerror=alert(1)>", "a_b_c *i* __s__ _e_", "> q\n> r",
		"| a | b |\n|---|---|\n| 1 | 2 |", "\x1b[31mred\x1b[0m\r\n\xff", "~~~\nnever ends", "** a ** * b *", "`<b>`", "######## no",
	} {
		f.Add(s)
	}
	elements := map[string]bool{"p": true, "ul": true, "ol": true, "li": true, "pre": true, "blockquote": true, "code": true, "strong": true, "em": true}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.NewReplacer("\ufffe", "", "\uffff", "").Replace(text)
		got := onlyText(t, string(summaryHTML(text)), elements)
		var want strings.Builder
		fence := ""
		for line := range strings.SplitSeq(text, "\n") {
			line = report.Safe(strings.TrimRight(line, "\r"), false)
			trimmed := strings.TrimSpace(line)
			if fence == "" && (strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")) {
				fence = trimmed[:3] // what it says of the language is not shown
				continue
			}
			if trimmed == fence {
				fence = ""
				continue
			}
			want.WriteString(line)
		}
		if bare(got) != bare(xmlSafe(want.String())) {
			t.Errorf("%q shows %q, not %q", text, got, want.String())
		}
	})
}

func TestSummary(t *testing.T) {
	got := string(summaryHTML("# Done\n\n- **a** is `b`\n- c_d_e\n\n```\nx < y\n```\n[link](http://x) <i>\n"))
	want := `<p class="heading">Done</p><ul><li><strong>a</strong> is <code>b</code></li><li>c_d_e</li></ul><pre>x &lt; y</pre><p>[link](http://x) &lt;i&gt;</p>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
