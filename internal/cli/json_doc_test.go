package cli

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
)

// TestJSONIsDocumented holds the table of JSON in docs/cli.md to the types: a field
// that is printed is named in its row.
func TestJSONIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)[^`|]*--json` \\|(.*)\\|$").FindAllStringSubmatch(string(page), -1) {
		rows[m[1]] += m[2]
	}
	for command, printed := range map[string][]any{
		"show":    {phased.Run{}, phased.PhaseRun{}, phased.HookRun{}},
		"stats":   {phased.Stats{}, phased.HookStats{}},
		"runs":    {phased.Summary{}},
		"plan":    {phased.Plan{}, phased.PlannedPhase{}, plan.Explanation{}, plan.Place{}, phased.Origin{}, plan.ToolDifference{}},
		"check":   {phased.Finding{}},
		"env":     {phased.SpaceView{}, phased.SpaceEntry{}, phased.Value{}},
		"blame":   {phased.BlameStep{}, phased.Change{}},
		"prune":   {journal.Pruned{}},
		"stop":    {stoppedRun{}},
		"version": {versionFacts{}},
	} {
		words := regexp.MustCompile(`[a-z_0-9]+`).FindAllString(rows[command], -1)
		named := map[string]bool{}
		for _, word := range words {
			named[word] = true
		}
		for _, v := range printed {
			for field := range reflect.TypeOf(v).Fields() {
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if name != "" && name != "-" && !named[name] {
					t.Errorf("the row of %s --json does not name %s of %T", command, name, v)
				}
			}
		}
	}
}
