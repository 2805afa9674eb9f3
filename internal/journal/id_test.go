package journal

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for i := range 10000 {
		now := time.UnixMilli(int64(i) * 28147497671) // up to the greatest time of an id
		id := NewID(now)
		u, err := ulid.ParseStrict(id)
		if err != nil || u.String() != id || u.Time() != uint64(now.UnixMilli()) {
			t.Fatalf("%s: %v, time %d, want %d", id, err, u.Time(), now.UnixMilli())
		}
		if seen[id[10:]] {
			t.Fatalf("%s: as random as another", id)
		}
		seen[id[10:]] = true
	}
}
