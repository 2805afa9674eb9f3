package watch

import (
	"encoding/binary"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// rawEvent is an event as the kernel writes it.
func rawEvent(wd int32, mask uint32, name string) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(wd))
	b = binary.NativeEndian.AppendUint32(b, mask)
	b = binary.NativeEndian.AppendUint32(b, 0)
	padded := make([]byte, (len(name)+16)/16*16)
	if name == "" {
		padded = nil
	}
	copy(padded, name)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(padded)))
	return append(b, padded...)
}

// asNobody gives this goroutine's thread the rights to files of nobody, until
// what it returns is called.
func asNobody(t *testing.T) func() {
	runtime.LockOSThread()
	if err := os.Chmod(t.TempDir()+"/..", 0o777); err != nil {
		t.Fatal(err)
	}
	set := func(uid int) {
		if _, _, errno := syscall.RawSyscall(unix.SYS_SETFSUID, uintptr(uid), 0, 0); errno != 0 {
			t.Fatal(errno)
		}
	}
	set(65534)
	return func() {
		set(0)
		runtime.UnlockOSThread()
	}
}
