package plan

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/config"
	"phased/internal/phased"
)

// maxRead bounds what is read of a file, in bytes.
const maxRead = 1 << 20

// entry checks one entry; winner is the one that counts for its name.
func (c *checker) entry(ph phased.PlannedPhase, e, winner phased.Entry) []phased.Finding {
	f := &finder{phase: ph.Name, file: e.Path}
	if e.Verdict == phased.VerdictRun {
		headerFindings(f, e)
		c.hook(f, e)
		return f.sorted()
	}
	skipped(f, e, winner)
	return f.sorted()
}

// headerFindings tells the mistakes in the header of a hook.
func headerFindings(f *finder, e phased.Entry) {
	for _, h := range e.Faults {
		f.add(CodeHeader, phased.SeverityError, h.Line, h.Message, "write `# phased: key=value`, with the keys "+strings.Join(config.HookKeys(), ", "))
	}
}

// hook checks an entry that runs.
func (c *checker) hook(f *finder, e phased.Entry) {
	c.owner(f, string(e.Path), "file")
	content, whole, err := readStart(string(e.Path), maxRead)
	if err != nil {
		f.add(Code(phased.VerdictUnreadable), phased.SeverityWarning, 0, fmt.Sprintf("cannot be read: %v", err),
			"let the user that runs phased read it: chmod a+r")
		return
	}
	c.content(f, content, whole)
}

// content checks what a hook consists of; whole says that it is all there.
func (c *checker) content(f *finder, content []byte, whole bool) {
	if bytes.HasPrefix(content, []byte("\x7fELF")) {
		return
	}
	sb := parseShebang(content)
	if !sb.present {
		noShebang(f, content)
		if looksBinary(content) {
			return
		}
		sb.dialect = "bash" // which is what phased and dib-run-parts run it by
	} else {
		c.shebang(f, sb)
	}
	if sb.dialect == "" {
		return
	}
	if !whole {
		f.add(CodeShellSyntax, phased.SeverityInfo, 0, "larger than 1 MiB: its syntax was not checked", "keep data out of the script")
		return
	}
	c.syntax(f, content, sb.dialect)
	c.unheard(f, content, sb.dialect)
}

func noShebang(f *finder, content []byte) {
	const cure = "write #!/bin/sh or #!/bin/bash as the very first line"
	message := "has no #! line: phased and dib-run-parts run it by bash, run-parts and cron cannot run it"
	line := 1
	switch {
	case len(content) == 0:
		message, line = "is empty: it does nothing", 0
	case bytes.HasPrefix(content, []byte("\xef\xbb\xbf#!")):
		message = "a byte order mark stands before the #!, so that it does not count"
	case looksBinary(content):
		message, line = "is neither a script nor an ELF program", 0
	case bytes.Contains(firstLines(content, 5), []byte("\n#!")):
		message = "the #! does not stand in the first line, so that it does not count"
	}
	f.add(CodeNoShebang, phased.SeverityWarning, line, message, cure)
}

// looksBinary is bash's own test: a NUL in the first line of the first 80 bytes.
func looksBinary(content []byte) bool {
	line, _, _ := bytes.Cut(content[:min(len(content), 80)], []byte("\n"))
	return bytes.IndexByte(line, 0) >= 0
}

func firstLines(content []byte, n int) []byte {
	end := 0
	for range n {
		i := bytes.IndexByte(content[end:], '\n')
		if i < 0 {
			return content
		}
		end += i + 1
	}
	return content[:end]
}

// skipped checks an entry that does not run: was it meant to?
func skipped(f *finder, e, winner phased.Entry) {
	code, detail := Code(e.Verdict), e.Detail
	switch e.Verdict {
	case phased.VerdictNotExecutable:
		if startsLikeScript(string(e.Path)) {
			f.add(code, phased.SeverityWarning, 0, "has a #! line but does not run: "+detail,
				"chmod +x, or move it elsewhere; to switch off a hook of a lower root, link its name to /dev/null")
		}
	case phased.VerdictNameHasDot, phased.VerdictNameChars:
		s := phased.SeverityInfo
		if executable(e) || startsLikeScript(string(e.Path)) {
			s = phased.SeverityWarning
		}
		f.add(code, s, 0, "does not run: "+detail, renameCure(string(e.Name)))
	case phased.VerdictNameBackup:
		f.add(code, phased.SeverityWarning, 0, "does not run: "+detail, "remove it once nobody needs it")
	case phased.VerdictNameFilter:
		f.add(code, phased.SeverityInfo, 0, "does not run: "+detail, "rename it, or change names in the settings")
	case phased.VerdictDanglingLink:
		f.add(code, phased.SeverityError, 0, "does not run: "+detail, "restore the target, or remove the link; to switch off a hook, link its name to /dev/null")
	case phased.VerdictUnreadable:
		f.add(code, phased.SeverityError, 0, "what it is cannot be found out: "+detail, "check the permissions of the link's target")
	case phased.VerdictDirectory:
		f.add(code, phased.SeverityInfo, 0, "does not run: "+detail, "hooks lie directly in the phase's directory")
	case phased.VerdictSpecialFile:
		f.add(code, phased.SeverityWarning, 0, "does not run: "+detail, "remove it, or keep it elsewhere")
	case phased.VerdictMasked:
		f.add(code, phased.SeverityInfo, 0, "does not run: "+detail, "remove the link to let it run")
	case phased.VerdictShadowed:
		shadowed(f, e, winner)
	}
}

func shadowed(f *finder, e, winner phased.Entry) {
	const cure = "none needed if this is what was meant"
	if winner.Verdict == phased.VerdictRun || winner.Verdict == "" {
		f.add(Code(e.Verdict), phased.SeverityInfo, 0, "does not run: "+e.Detail, cure)
		return
	}
	f.add(Code(e.Verdict), phased.SeverityWarning, 0,
		fmt.Sprintf("%s, which does not run (%s): nothing of that name does", e.Detail, winner.Verdict),
		"mend the one above; to switch off a hook, link its name to /dev/null")
}

func executable(e phased.Entry) bool {
	return len(e.Mode) > 3 && strings.ContainsAny(e.Mode[len(e.Mode)-3:], "1357")
}

func startsLikeScript(path string) bool {
	p, _, err := readStart(path, 2)
	return err == nil && string(p) == "#!"
}

func renameCure(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if plainByte(name[i]) {
			b.WriteByte(name[i])
		} else if b.Len() > 0 && i+1 < len(name) && plainByte(name[i+1]) {
			b.WriteByte('-')
		}
	}
	if ext := strings.LastIndexByte(name, '.'); ext > 0 && plainName(name[:ext]) {
		return fmt.Sprintf("if it is a hook, rename it: %s; if not, keep it elsewhere", name[:ext])
	}
	if b.Len() == 0 {
		return "if it is a hook, rename it to letters, digits, - and _; if not, keep it elsewhere"
	}
	return fmt.Sprintf("if it is a hook, rename it: %s; if not, keep it elsewhere", b.String())
}

// readStart reads up to n bytes of a regular file; whole says that this is all.
func readStart(path string, n int64) (content []byte, whole bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, false, reason(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, false, reason(err)
	}
	if !fi.Mode().IsRegular() {
		return nil, false, fmt.Errorf("is not a regular file any more")
	}
	content, err = io.ReadAll(io.LimitReader(f, n+1))
	if err != nil {
		return nil, false, reason(err)
	}
	if int64(len(content)) > n {
		return content[:n], false, nil
	}
	return content, true, nil
}
