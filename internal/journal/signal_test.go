package journal

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// ignoreSizeSignal keeps SIGXFSZ from ending the test.
func ignoreSizeSignal(t *testing.T) {
	c := make(chan os.Signal, 16)
	signal.Notify(c, syscall.SIGXFSZ)
	t.Cleanup(func() { signal.Stop(c) })
}
