package executor

import (
	"testing"

	"phased/internal/phased"
)

func TestSession(t *testing.T) {
	for _, scope := range []phased.Scope{phased.ScopeTop, phased.ScopeFunction} {
		t.Run(string(scope), func(t *testing.T) {
			testExecutor(t, kind{sourced: true, scope: scope}, func(tb testing.TB, o Options) seam {
				tb.Helper()
				return &Session{List: o.listSourced(), Limit: o.Limit, Stdin: o.Stdin, Group: true, Marker: marker, DrainCommand: drainSelf()}
			})
		})
	}
}
