package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"phased/internal/phased"
	"phased/internal/report"
)

// versionFacts is what `phased version --json` prints.
type versionFacts struct {
	Version string `json:"version"`
	Events  int    `json:"event_format"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersion(w *World) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long:  `Prints the version, the format of the record's events, and what it was built with and for.`,
		Args:  atMost(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			v := versionFacts{w.Version, phased.EventVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH}
			if asJSON {
				return report.JSON(w.Stdout, v)
			}
			_, err := fmt.Fprintf(w.Stdout, "phased %s (event format %d, %s, %s/%s)\n", v.Version, v.Events, v.Go, v.OS, v.Arch)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
