package plan

import (
	"cmp"
	"runtime"
	"slices"
	"sync"

	"phased/internal/phased"
)

// Code names what Check found.
type Code = phased.FindingCode

// The codes that are no verdicts.
const (
	CodeNoShebang                Code = "no-shebang"                 // no #! line
	CodeShebangCRLF              Code = "shebang-crlf"               // the #! line ends in CR LF
	CodeShebangLong              Code = "shebang-long"               // the kernel cuts the #! line
	CodeInterpreterMissing       Code = "interpreter-missing"        // the interpreter does not exist
	CodeInterpreterNotExecutable Code = "interpreter-not-executable" // the interpreter cannot be executed
	CodeShellSyntax              Code = "shell-syntax"               // bash or sh cannot parse it
	CodeNoNumber                 Code = "no-number"                  // no number, so it runs as 0
	CodeTieByBytes               Code = "tie-by-bytes"               // equal numbers, and only bytes decide
	CodeWritable                 Code = "writable"                   // others can write the file or its directory
	CodeOwner                    Code = "owner"                      // it belongs to somebody else
	CodeUntrusted                Code = "untrusted"                  // somebody else could have written it, or what leads to it
	CodeHeader                   Code = "header"                     // a mistake in its header
	CodeUnheard                  Code = "unheard"                    // notifies a name that no hook waits for

	// Of sourced hooks.

	CodeReservedNumber Code = "reserved-number" // a number of the base system
	CodeLocaleOrder    Code = "locale-order"    // another locale turns two hooks round
	CodeLocalDeclare   Code = "local-declare"   // a bare declare, which ends with the point
	CodeExitEarly      Code = "exit-early"      // exit 0 ends the run
	CodeOptionLeft     Code = "option-left"     // an option of set or shopt stays changed
	CodeStateLeft      Code = "state-left"      // IFS, directory or umask stay changed
	CodeTrapExit       Code = "trap-exit"       // the session's EXIT trap is replaced
	CodeFalseEnd       Code = "false-end"       // the last command may be a false test
	CodeDeadPoint      Code = "dead-point"      // tests for a point that there is none of
	CodePluginRequires Code = "plugin-requires" // a plugin lacks what it requires, or comes before it
)

// CheckOptions change what Check does.
type CheckOptions struct {
	Strict bool // warnings become errors
	// Refused says that what the plan has as untrusted is not run.
	Refused bool
}

// Check lints every directory and entry of the plan. Findings stand in the order
// of the plan: the hook trees, then phases in order, in each its directories, then its entries, then
// what concerns their order. It starts nothing but `bash -n` and `sh -n`.
func Check(p phased.Plan, o CheckOptions) []phased.Finding {
	c := &checker{plan: p, shells: findShells(), awaited: Awaited(p.AllPhases())}
	jobs := []func() []phased.Finding{func() []phased.Finding { return c.directories("", p.Roots) }, c.requires}
	files, told := sourcedFiles(p), map[phased.Text]bool{}
	for _, ph := range p.AllPhases() {
		if ph.Executor == phased.ExecutorSession {
			jobs = append(jobs, c.sourcedPhase(ph, files, told)...)
			continue
		}
		jobs = append(jobs, func() []phased.Finding { return c.directories(ph.Name, ph.Dirs) })
		winners := map[phased.Text]phased.Entry{}
		for _, e := range ph.Entries {
			if !loses(e) {
				winners[e.Name] = e
			}
		}
		for _, e := range ph.Entries {
			jobs = append(jobs, func() []phased.Finding { return c.entry(ph, e, winners[e.Name]) })
		}
		jobs = append(jobs, func() []phased.Finding { return orderFindings(ph) })
	}
	all := []phased.Finding{}
	for _, found := range inParallel(jobs) {
		all = append(all, found...)
	}
	all = untrusted(all, p.Untrusted, o.Refused)
	for i := range all {
		if o.Strict && all[i].Severity == phased.SeverityWarning {
			all[i].Severity = phased.SeverityError
		}
	}
	return all
}

// inParallel does the jobs on all processors and returns their results in order.
func inParallel(jobs []func() []phased.Finding) [][]phased.Finding {
	results := make([][]phased.Finding, len(jobs))
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wait.Go(func() {
			for i := range next {
				results[i] = jobs[i]()
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	wait.Wait()
	return results
}

// checker holds what all checks of one plan share.
type checker struct {
	plan   phased.Plan
	shells map[string]string // bash, sh: where they are
	// awaited are the names of notifications that hooks wait for.
	awaited []string
}

// finder collects the findings of one file.
type finder struct {
	phase string
	file  phased.Text
	found []phased.Finding
	// sourced: bash alone reads the file.
	sourced bool
}

func (f *finder) add(code Code, s phased.Severity, line int, message, cure string) {
	f.found = append(f.found, phased.Finding{Code: code, Severity: s, Phase: f.phase, File: f.file, Line: line, Message: message, Cure: cure})
}

// sorted returns the findings in the order of their lines.
func (f *finder) sorted() []phased.Finding {
	slices.SortStableFunc(f.found, func(a, b phased.Finding) int { return cmp.Compare(a.Line, b.Line) })
	return f.found
}
