package trust

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// OwnDir demands a directory that belongs to this user, and that nobody else can
// write: what lies in it was put there by this user.
func OwnDir(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() || !Own(info) {
		return fmt.Errorf("%s is not a directory of this user that nobody else can write: it is not trusted", path)
	}
	return nil
}

// Own reports whether a file belongs to this user, and nobody else can write it.
func Own(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
