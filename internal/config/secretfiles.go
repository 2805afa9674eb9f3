package config

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"phased/internal/phased"
	"phased/internal/redact"
)

// SecretFiles are files that hooks name as secret. Their content is put into a set
// of secrets as it is each time that a text is about to be searched: a hook may
// make such a file, or write another key into it, and show it at once. What a file
// has held stays secret. It may be used by several goroutines at once.
type SecretFiles struct {
	set *redact.Set

	mu    sync.Mutex
	files []*secretFile
}

type secretFile struct {
	path string
	is   fileVersion // as it was read last
	err  error       // why it could not be read
}

// fileVersion tells one content of a file from another. The zero value is that of a
// file that is not there.
type fileVersion struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
	fresh        bool // it may change once more without any of this
}

// tick is longer than what the kernel's clock of file times takes for a moment.
const tick = 20 * time.Millisecond

// WatchSecrets returns the secret files of a set, of which there are none yet.
func WatchSecrets(set *redact.Set) *SecretFiles { return &SecretFiles{set: set} }

// Add adds files, and reads them.
func (s *SecretFiles) Add(paths ...phased.Text) {
	if len(paths) == 0 {
		return
	}
	s.mu.Lock()
	first := len(s.files) == 0
	for _, p := range paths {
		if !slices.ContainsFunc(s.files, func(f *secretFile) bool { return f.path == string(p) }) {
			s.files = append(s.files, &secretFile{path: string(p), err: syscall.ENOENT})
		}
	}
	s.mu.Unlock()
	s.look()
	if first {
		s.set.Watch(s.look)
	}
}

// Check returns why a file cannot be read now, an fs.ErrNotExist where it is not
// there; nil where its content is in the set.
func (s *SecretFiles) Check(path phased.Text) error {
	s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.path == string(path) {
			return f.err
		}
	}
	return nil
}

// look reads what has changed.
func (s *SecretFiles) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		now := versionOf(f.path)
		if now == f.is && !now.fresh && now != (fileVersion{}) {
			continue
		}
		if now == (fileVersion{}) && f.is == now && f.err != syscall.ENOENT { //nolint:errorlint // the mark of Add
			continue
		}
		f.is = now
		content, err := ReadSecretFile(f.path)
		if f.err = err; err == nil {
			s.set.AddFile(f.path, content)
		}
	}
}

func versionOf(path string) fileVersion {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return fileVersion{}
	}
	since := time.Since(time.Unix(st.Ctim.Unix()))
	return fileVersion{dev: st.Dev, ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim, fresh: since < tick}
}
