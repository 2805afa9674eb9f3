package executor

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// maxScript bounds what is read of a file that hooks name, in bytes.
const maxScript = 64 << 20

// readRegular reads a file that a hook may have put there: a FIFO is not waited
// for, a device not read, and no more kept than a script can have.
func readRegular(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New(path + " is no regular file")
	case info.Size() > maxScript:
		return nil, errors.New(path + " is larger than 64 MiB")
	}
	return io.ReadAll(io.LimitReader(f, maxScript))
}
