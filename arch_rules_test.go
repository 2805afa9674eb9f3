package arch_test

// room is one folder of the product: what it may import of the product beside
// phased and the leaves, which parts of the standard library are shut to it,
// and why. docs/design.md section 3 says what it is for.
type room struct {
	leaf  bool     // may be imported by every room
	tests bool     // may be imported by test files only
	wires bool     // may import every room but the other wiring ones
	may   []string // further rooms that it may import
	shut  []string // standard packages that it may not import
	opens []string // packages that are shut to all rooms of the runner, and not to it
	why   string   // the reason, printed where the rule is broken
}

// rooms is the list of folders under internal/. A new folder needs a row here
// and a line in docs/design.md.
func rooms() map[string]room {
	return map[string]room{
		"phased": {
			leaf: true,
			shut: []string{"os", "os/exec", "io/fs", "path/filepath", "log", "log/slog", "net", "reflect"},
			why:  "it is the language: the standard library only and no I/O, so that everybody may import it",
		},
		"config": {leaf: true, may: []string{"redact"}, why: "it turns a file into values; what they mean is decided by the rooms, but for what is secret, which must be right at its place in the file"},
		"trust":  {leaf: true, shut: []string{"os/exec"}, why: "it looks at files and opens them; what follows from that is for others"},
		"proc":   {leaf: true, shut: []string{"os/exec"}, why: "it reads /proc and nothing else"},
		"records": {
			leaf: true, shut: []string{"os", "os/exec", "io/fs", "path/filepath"},
			why: "it reads memory: what a bash tells is the same whether it comes by a pipe or lies in a file",
		},
		"faultdisk": {leaf: true, tests: true, why: "it is for tests of what must not be lost; the product has the file system"},
		"plan":      {why: "it forecasts: it must not know how hooks are run or where runs are kept"},
		"engine": {
			shut: []string{"os", "os/exec", "io/fs", "path/filepath", "log", "log/slog"},
			why:  "it has no logger, no files and no terminal: what it needs of the outside are its seams",
		},
		"redact": {leaf: true, shut: []string{"os", "os/exec"}, why: "it is text in, text out, and reads no settings"},
		"space": {
			shut: []string{"os", "os/exec", "io/fs", "path/filepath", "log", "log/slog"},
			why:  "it is pure: it makes and reads the texts that a shell writes and is given, and starts none",
		},
		"carry": {
			shut: []string{"os", "os/exec", "path/filepath", "log", "log/slog"},
			why:  "it is pure: what hooks hand on is text, and files are read and written by others",
		},
		"executor": {may: []string{"space"}, why: "it runs a hook and tells a Sink; it knows neither plans nor journals"},
		"devstack": {why: "it says what a local.conf enables, and clones it; what is sourced when is for the plan"},
		"capsule": {
			shut: []string{"os/exec"},
			why:  "it puts bytes into a page and takes them out: what they say is for others, and it starts nothing",
		},
		"journal": {may: []string{"shellinit"}, shut: []string{"os/exec"}, why: "it keeps runs; it starts nothing"},
		"locks":   {shut: []string{"os/exec"}, why: "it takes locks and asks who has others; it starts nothing, and which hooks run together is for the engine"},
		"state":   {shut: []string{"os/exec"}, why: "it keeps small facts; what they mean is decided by others, and it starts nothing"},
		"watch":   {shut: []string{"os/exec"}, why: "it tells that files have changed; what is started then is for others"},
		"systemd": {shut: []string{"os/exec"}, why: "it sends a few bytes to a socket; what they say is for others"},
		"shellinit": {
			shut: []string{"os", "os/exec", "io/fs", "path/filepath"},
			why:  "it makes a text for a shell, and events of what the shell writes: others read, write and start",
		},
		"stats":  {shut: []string{"os", "os/exec", "io/fs", "path/filepath", "log", "log/slog"}, why: "it is pure: runs in, figures out; who reads the runs, and when, is for others"},
		"report": {shut: []string{"os", "os/exec"}, why: "it turns events into text for a writer: width, colour and time are arguments"},
		"web": {
			may: []string{"report"}, opens: []string{"net", "net/http", "html/template", "log/slog"}, shut: []string{"os", "os/exec"},
			why: "it shows what a Source has; where that is kept, and by what one shows that one may ask, is for others",
		},
		"usage":  {shut: []string{"os", "os/exec"}, why: "it says what a command line is, for whichever program; what commands do is for others"},
		"compat": {wires: true, why: "it speaks for the originals and wires the rooms for that"},
		"cli":    {wires: true, why: "it wires the rooms and decides nothing"},
		"fleetcli": {
			wires: true, opens: []string{"net", "net/http", "crypto/tls", "log/slog"},
			why: "it wires the rooms of the network side and decides nothing",
		},
	}
}

// commands says what each program may import of the product.
func commands() map[string][]string {
	return map[string][]string{
		"cmd/phased":       {"cli", "compat"},
		"cmd/phased-fleet": {"fleetcli"},
		"bench":            {"space", "redact"},
		"examples":         {},
		".":                {},
	}
}

// shutToAll are standard packages that no room of the runner may import.
func shutToAll() map[string]string {
	return map[string]string{
		"net":           "the runner opens no network socket",
		"net/http":      "the runner opens no network socket",
		"crypto/tls":    "the runner opens no network socket",
		"log":           "nothing logs in the runner: the engine emits events",
		"log/slog":      "nothing logs in the runner: the engine emits events",
		"text/template": "a reachable template package turns off dead-code elimination: 2.5 MB and slower starts",
		"html/template": "a reachable template package turns off dead-code elimination: 2.5 MB and slower starts",
		"plugin":        "the runner is one static binary",
		"math/rand":     "math/rand/v2 is the one in use",
		"io/ioutil":     "os and io have it",
	}
}

// library is who may import a module that is not of the standard library.
type library struct {
	rooms []string // nil: everybody
	tests bool     // in test files only
	why   string
}

// libraries lists every foreign module in use.
func libraries() map[string]library {
	return map[string]library{
		"github.com/spf13/cobra":           {rooms: []string{"cli", "fleetcli", "usage"}, why: "only cli and fleetcli have commands and flags, and usage tells of them; the personalities start without it"},
		"github.com/spf13/pflag":           {rooms: []string{"cli", "fleetcli", "usage"}, why: "only cli and fleetcli have commands and flags, and usage tells of them; the personalities start without it"},
		"go.yaml.in/yaml/v4":               {rooms: []string{"config"}, why: "only config reads settings"},
		"mvdan.cc/sh/v3":                   {rooms: []string{"plan", "devstack"}, why: "it reads shell syntax, for lint and for enable_plugin, and never runs anything"},
		"github.com/oklog/ulid/v2":         {tests: true, why: "run ids are made in the journal, which is held to it: its init costs every start"},
		"golang.org/x/sys":                 {rooms: []string{"proc", "trust", "plan", "executor", "journal", "locks", "watch", "systemd", "compat", "cli", "bench"}, why: "system calls belong to the rooms that touch the host"},
		"golang.org/x/term":                {rooms: []string{"cli"}, why: "only cli asks what the terminal is"},
		"github.com/google/go-cmp":         {tests: true, why: "it is for comparing in tests"},
		"pgregory.net/rapid":               {tests: true, why: "it is for properties in tests"},
		"github.com/aymanbagabas/go-udiff": {rooms: []string{"web"}, why: "it tells texts apart, for the page that compares runs"},
		"golang.org/x/net":                 {tests: true, why: "its html parser reads pages in tests; the standard library's templates make them"},
		"github.com/rogpeppe/go-internal": {
			tests: true, why: "testscript is for end-to-end tests",
		},
		"github.com/chromedp/chromedp": {
			tests: true, why: "it drives a real browser in the tests of the pages",
		},
		"github.com/chromedp/cdproto": {
			tests: true, why: "it has the names of what a browser is told and tells, for chromedp",
		},
		"github.com/santhosh-tekuri/jsonschema/v6": {
			tests: true, why: "it validates what the schema of the settings is tested with; phased's own decoder tells people what is wrong",
		},
	}
}

// printers may write to the process's own stdout and stderr.
func printers() []string {
	return []string{"cli", "compat", "fleetcli", "cmd/phased", "cmd/phased-fleet", "bench", "examples"}
}

// passers may name the process's own descriptors and write nothing to them.
func passers() map[string]string {
	return map[string]string{
		"executor": "hooks whose output is inherited get them",
	}
}

// globals are the package-level variables that are allowed beside sentinel
// errors, embedded files and interface assertions: "path name", with the reason.
func globals() map[string]string {
	return map[string]string{
		"cmd/phased version":       "the linker sets it",
		"cmd/phased-fleet version": "the linker sets it",
	}
}

// netImporters are the foreign packages that may bring net into cmd/phased.
func netImporters() map[string]string {
	return map[string]string{
		"github.com/spf13/pflag": "it has flag types for addresses, and opens nothing",
	}
}

// neverLinked may not be in cmd/phased at all, whoever brings it.
func neverLinked() map[string]string {
	return map[string]string{
		"net/http":      "the runner runs as root and speaks no protocol",
		"crypto/tls":    "the runner runs as root and speaks no protocol",
		"net/rpc":       "the runner runs as root and speaks no protocol",
		"html/template": "it costs 2.5 MB and start-up time",
		"database/sql":  "the journal is files",
		"plugin":        "the runner is one static binary",
		"C":             "the runner is a static binary, built without cgo",
	}
}

// maxLines is how long a source file may be.
const maxLines = 500
