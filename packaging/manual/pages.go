package main

import (
	"slices"
	"strings"

	"phased/internal/cli"
)

// allPages are the manual pages of the package, made of the commands and of
// the schema of the settings.
func allPages(schema []byte) ([]page, error) {
	all := verbs()
	pages := []page{overview(all), fleetPage(all)}
	for _, v := range all {
		pages = append(pages, commandPage(v, all))
	}
	settings, err := settingsPages(schema)
	if err != nil {
		return nil, err
	}
	return append(append(pages, settings...), personalityPages()...), nil
}

// commandPage is phased-VERB(1).
func commandPage(v verb, all []verb) page {
	p := page{name: v.page(), section: v.section(), short: v.cmd.Short}
	var forms []block
	for _, u := range v.usages() {
		forms = append(forms, synopsis(u))
	}
	p.parts = append(p.parts, part{"SYNOPSIS", forms}, part{"DESCRIPTION", prose(v.long())})
	if v.fleet {
		last := &p.parts[len(p.parts)-1]
		last.blocks = append(last.blocks, para("phased starts phased-fleet for it, which lies beside it, as the user phased where it was started by root."))
	}
	var options []block
	for _, o := range v.options() {
		options = append(options, item(o.tag, o.usage))
	}
	if len(options) > 0 {
		p.parts = append(p.parts, part{"OPTIONS", options})
	}
	p.parts = append(p.parts, part{"EXIT STATUS", []block{para(exitLine(v) + " phased(1) tells more.")}})
	if lines := v.examples(); len(lines) > 0 {
		p.parts = append(p.parts, part{"EXAMPLES", []block{literal(strings.Join(lines, "\n"))}})
	}
	also := []string{"phased(1)", "phased.yaml(5)"}
	for _, o := range v.related(all) {
		also = append(also, o.page()+"("+o.section()+")")
	}
	p.parts = append(p.parts, part{"SEE ALSO", []block{para(strings.Join(also, ", "))}})
	return p
}

// overview is phased(1).
func overview(all []verb) page {
	p := page{name: "phased", section: "1", short: "run the hook scripts of a host in phases"}
	add := func(title string, blocks ...block) { p.parts = append(p.parts, part{title, blocks}) }
	add("SYNOPSIS", synopsis("phased COMMAND [ARGUMENT...]"), synopsis("phased help [COMMAND|exit-codes]"))
	add("DESCRIPTION",
		para("phased runs the hooks of a host: scripts and programs in directories that are named for a phase, such as /etc/phased/configure.d. "+
			"It says before what will run, in which order and why. It keeps a record of every run. It ends what has to end, tells the whole story of a failure, and goes on where a run failed."),
		para("A `lifecycle` is a list of phases. `refresh` is built in, and runs where none is named: pre-configure, configure, post-configure and migration, and then error where one of them has failed. "+
			"phased.yaml(5) may have more."),
		para("A `hook` is an executable file whose name has letters, digits, - and _ only. Hooks run in the order of the number that their name begins with. "+
			"The first failure ends the run, and starts the failure phase. Names in /etc/phased override those in /run/phased, and these those in /usr/lib/phased; a link to /dev/null masks one."),
		para("`phased plan` lists what would run. `phased run` runs it. `phased show` tells what happened, and what to type next."))
	add("COMMANDS", commandBlocks(all)...)
	add("RUNS AND HOOKS",
		para("Commands about a run take its id, or the beginning of one; `last` (the default) or `-1` for the newest, `-2` for the one before it, and so on. "+
			"A hook is named by its name, or by PHASE/NAME."),
		para("Durations are written 90s, 5m, 1h30m, 7d."))
	add("ENVIRONMENT", environmentBlocks()...)
	add("FILES", fileBlocks()...)
	add("EXIT STATUS", overviewExits()...)
	add("EXAMPLES",
		para("What would run, and why one hook would not:"), literal("phased plan\nphased plan --explain 20-render"),
		para("Run the hooks, and see what has failed:"), literal("phased run\nphased show"),
		para("Mend the hook, see what would run again, and go on:"), literal("phased resume --dry-run\nphased resume"),
		para("Follow the output of the run that goes on; end it:"), literal("phased logs -f\nphased stop"))
	var also []string
	for _, v := range all {
		also = append(also, v.page()+"("+v.section()+")")
	}
	slices.Sort(also)
	also = append(also, "phased.yaml(5)", "phased-hooks(5)", "phased-fleet(8)")
	add("SEE ALSO", para(strings.Join(also, ", ")), para("The pages in /usr/share/doc/phased: README.md lists them, hooks.md says in one page how to write a hook."))
	return p
}

// groups is the order in which commands are looked for. What is in none of them
// comes last.
func groups() []struct {
	title string
	names []string
} {
	return []struct {
		title string
		names []string
	}{
		{"Run hooks", []string{"plan", "check", "run", "resume", "watch", "stop"}},
		{"See what happened", []string{"show", "logs", "runs", "top", "stats", "serve", "capsule"}},
		{"In a hook", []string{"notify", "changed", "reboot-needed"}},
		{"Hooks that share variables", []string{"stack", "unstack", "clean", "env", "blame", "shell-init"}},
	}
}

// commandBlocks lists the commands, by what they are for.
func commandBlocks(all []verb) []block {
	var list []block
	rest := slices.Clone(all)
	take := func(name string) {
		at := slices.IndexFunc(rest, func(v verb) bool { return v.name == name })
		if at >= 0 {
			list = append(list, item(rest[at].page()+"("+rest[at].section()+")", sentence(rest[at].cmd.Short)))
			rest = slices.Delete(rest, at, at+1)
		}
	}
	for _, g := range groups() {
		list = append(list, heading(g.title))
		for _, name := range g.names {
			take(name)
		}
	}
	list = append(list, heading("Further"))
	for len(rest) > 0 {
		take(rest[0].name)
	}
	return list
}

func environmentBlocks() []block {
	return []block{
		para("Of phased:"),
		item("PHASED_STATE_DIR", "The directory of the record, where --state-dir does not name one. It comes before the settings."),
		item("XDG_STATE_HOME, XDG_RUNTIME_DIR", "Below these lie the record and the locks of users other than root."),
		item("PHASED_PLAIN", "With `1`, a run shows plain lines also on a terminal."),
		item("NO_COLOR", "Where it is set and not empty, nothing is coloured."),
		item("TERM", "With `dumb`, no escape sequence is printed."),
		item("NOTIFY_SOCKET", "The service manager that is told how far a run is."),
		para("Hooks of phased run get an environment of their own, PATH, HOME, USER, LOGNAME, SHELL and LANG, with what the settings and --env add, and:"),
		item("PHASED_RUN_ID, PHASED_LIFECYCLE, PHASED_PHASE, PHASED_HOOK, PHASED_BASE", "What runs."),
		item("PHASED_ENV, PHASED_PATH, PHASED_SUMMARY, PHASED_NOTIFY", "Files to append to: lines NAME=value for later hooks, directories for their PATH, a summary in Markdown, names to notify."),
		item("PHASED_FAILED_PHASE, PHASED_FAILED_HOOK, PHASED_FAILED_LOG, PHASED_FAILURE", "In the failure phase: what has failed, a file with its output, and a JSON file with all of it."),
		item("PHASED_RUN_STATUS", "In phases that run always: how the run went."),
	}
}

func fileBlocks() []block {
	return []block{
		item("/etc/phased/phased.yaml", "The settings: phased.yaml(5). Without the file, every default holds."),
		item("/etc/phased/PHASE.d", "Hooks of the administrator."),
		item("/run/phased/PHASE.d", "Hooks that something puts there at run time."),
		item("/usr/lib/phased/PHASE.d", "Hooks that packages install."),
		item("/var/lib/phased/runs", "The record, a file of JSON lines for each run. Members of the group phased may read it."),
		item("/var/lib/phased/plans", "What phased plan --publish wrote, for the browser."),
		item("/var/lib/phased/private", "What only root may read: what a run needs to be resumed, what has been notified, what has run once."),
		item("/run/phased/trigger", "Touch it, and `phased.path` starts a run, where that unit is enabled."),
		item("/usr/lib/systemd/system/phased*.service", "Units that run hooks at boot, by the clock, or when files change, and `phased-serve.service`, which shows runs in a browser. None is enabled by the package; `phased-resume.service` should be."),
	}
}

func overviewExits() []block {
	var list []block
	for _, v := range exitRows() {
		list = append(list, item(v[0], v[1]))
	}
	return append(list,
		para("Of several, the cause that stopped the run counts. What happens in the failure phase changes no exit code. "+
			"os-refresh-config, dib-run-parts, phased stack, phased unstack and phased clean exit as their originals do."))
}

// fleetPage is phased-fleet(8).
func fleetPage(all []verb) page {
	p := page{name: "phased-fleet", section: "8", short: "the network side of phased"}
	var list []block
	also := []string{"phased(1)"}
	for _, v := range all {
		if v.fleet {
			list = append(list, item("phased "+v.name, sentence(v.cmd.Short)))
			also = append(also, v.page()+"("+v.section()+")")
		}
	}
	p.parts = []part{
		{"SYNOPSIS", []block{synopsis("phased-fleet COMMAND [ARGUMENT...]")}},
		{"DESCRIPTION", []block{
			para("phased-fleet is all of phased that talks to a network. People type the commands below as those of phased, which starts phased-fleet, found beside its own executable, and never on PATH; as root, it becomes the user phased first."),
			para("phased itself runs hooks, as root, and opens no network socket. The two never call each other: phased-fleet reads the record, in which no secret is, and can start nothing and change nothing."),
		}},
		{"COMMANDS", list},
		{"FILES", []block{
			item("/var/lib/phased/runs", "The record of this host's runs, read only."),
			item("/var/lib/phased/plans", "Published plans, read only."),
			item("/var/lib/phased-fleet", "The network side's own state, of the user phased."),
		}},
		{"SEE ALSO", []block{para(strings.Join(also, ", "))}},
	}
	return p
}

// exitRows is the table of exit codes: label and sentence.
func exitRows() [][2]string {
	var rows [][2]string
	for _, c := range cli.ExitCodes() {
		text := c.Name + " (reserved: this version never ends with it)"
		if c.Text != "" {
			text = c.Text
		}
		rows = append(rows, [2]string{c.Label, sentence(text)})
	}
	return rows
}
