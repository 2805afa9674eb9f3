package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "manual: %v\n", err)
		os.Exit(1)
	}
}

const usage = "usage: manual man VERSION SCHEMA DIR | completions DIR | commands FILE"

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "man":
		date, err := sourceDate(os.Getenv("SOURCE_DATE_EPOCH"))
		if err != nil {
			return err
		}
		schema, err := os.ReadFile(args[2])
		if err != nil {
			return fmt.Errorf("cannot read the schema of the settings: %v", err)
		}
		pages, err := allPages(schema)
		if err != nil {
			return err
		}
		return writeMan(args[3], pages, imprint{version: args[1], date: date})
	case len(args) == 2 && args[0] == "completions":
		return writeCompletions(args[1])
	case len(args) == 2 && args[0] == "commands":
		return os.WriteFile(args[1], reference(), 0o644)
	}
	return errors.New(usage)
}

// sourceDate returns the date of the pages: that of the source.
func sourceDate(epoch string) (time.Time, error) {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q; expected the seconds since 1970 of the commit, so that pages made twice are the same", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// writeMan writes every page to DIR/manN/NAME.N.
func writeMan(dir string, pages []page, by imprint) error {
	for _, p := range pages {
		path := filepath.Join(dir, "man"+p.section, p.name+"."+p.section)
		if err := writeFile(path, p.roff(by)); err != nil {
			return err
		}
	}
	return nil
}

// writeCompletions writes the scripts that `phased completion` prints.
func writeCompletions(dir string) error {
	root := trees()[0]
	var bash, zsh, fish bytes.Buffer
	err := errors.Join(root.GenBashCompletionV2(&bash, true), root.GenZshCompletion(&zsh), root.GenFishCompletion(&fish, true))
	if err != nil {
		return fmt.Errorf("cannot make the completions: %v", err)
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "phased.bash"), bash.Bytes()),
		writeFile(filepath.Join(dir, "_phased"), zsh.Bytes()),
		writeFile(filepath.Join(dir, "phased.fish"), fish.Bytes()),
	)
}

func writeFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
