package main

// personalityPages are the pages of the commands that phased stands in for.
// Their files have names of their own: alternatives put them in their places.
func personalityPages() []page {
	stands := para("This is phased under the name of the original: flags, texts, log lines, exit statuses, lock file and environment.d are the original's. What differs on purpose is in /usr/share/doc/phased/personalities.md. Each run is recorded, where that is possible: phased show tells the story afterwards.")
	again := para("To have the original again, where its package is installed:")
	return []page{
		{name: "phased-os-refresh-config", section: "1", short: "run all phases of a host's hooks, as os-refresh-config does", parts: []part{
			{"SYNOPSIS", []block{synopsis("os-refresh-config [OPTION...]")}},
			{"DESCRIPTION", []block{
				para("Runs dib-run-parts in BASE/pre-configure.d, BASE/configure.d, BASE/post-configure.d and BASE/migration.d, one after the other. Where one fails, BASE/error.d runs, and no other phase."),
				stands,
			}},
			{"OPTIONS", []block{
				item("--print-base", "Print the base directory, and end."),
				item("--print-phases", "Print the phases with tabs between them, and end."),
				item("--log-level LEVEL", "ERROR, WARN, CRITICAL, INFO or DEBUG. Default: INFO."),
				item("--lockfile LOCKFILE", "The file that is locked while it runs. Default: /var/run/os-refresh-config.lock."),
				item("--timeout TIMEOUT", "Seconds until what runs is ended."),
				item("-h, --help", "Print help, and end."),
			}},
			{"ENVIRONMENT", []block{item("OS_REFRESH_CONFIG_BASE_DIR", "The base directory. Default: /usr/libexec/os-refresh-config; where only /opt/stack/os-config-refresh is there, that.")}},
			{"EXIT STATUS", []block{para("0, or 1 where a phase has failed.")}},
			{"NOTES", []block{again, literal("update-alternatives --config os-refresh-config")}},
			{"SEE ALSO", []block{para("phased(1), phased-run(1)")}},
		}},
		{name: "phased-dib-run-parts", section: "1", short: "run the scripts of a directory, as dib-run-parts does", parts: []part{
			{"SYNOPSIS", []block{synopsis("dib-run-parts [--list] DIRECTORY")}},
			{"DESCRIPTION", []block{
				para("Sources the files of DIRECTORY/../environment.d, runs the executable files of DIRECTORY in the order of their numbers, and prints how long each has taken. The first that fails ends it."),
				stands,
			}},
			{"OPTIONS", []block{item("--list", "Print the names of the files that would run, and run none.")}},
			{"ENVIRONMENT", []block{item("RUN_PARTS_REGEX", "Which names run. Default: ^[0-9A-Za-z_-]+$.")}},
			{"EXIT STATUS", []block{para("0, the exit status of the script that failed, or 1.")}},
			{"NOTES", []block{again, literal("update-alternatives --config dib-run-parts")}},
			{"SEE ALSO", []block{para("phased(1), phased-plan(1)")}},
		}},
	}
}
