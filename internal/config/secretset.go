package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"phased/internal/phased"
	"phased/internal/redact"
)

// maxSecret bounds a file whose content is secret, in bytes.
const maxSecret = 64 << 10

// SecretSet returns what is known to be secret when a run starts: the values of
// secret names in the environment of its hooks, and what the settings say. The
// error names the files that cannot be read: the set is without them.
func (s *Settings) SecretSet(env []phased.Text) (*redact.Set, error) {
	set := redact.NewSet(append(redact.DefaultNames(), s.Secrets.Names...))
	for _, e := range env {
		if name, value, found := strings.Cut(string(e), "="); found {
			set.Learn(name, value)
		}
	}
	var errs []error
	for _, path := range s.Secrets.Files {
		content, err := ReadSecretFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		set.AddFile(path, content)
	}
	for _, p := range s.Secrets.Patterns {
		pattern, err := redact.ParsePattern(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("pattern %s: %w", p, err))
			continue
		}
		set.AddPattern(pattern)
	}
	return set, errors.Join(errs...)
}

// ReadSecretFile returns the content of a file that is declared secret: a regular
// file of up to 64 KiB that is no link.
func ReadSecretFile(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if errors.Is(err, syscall.ELOOP) {
		return "", fmt.Errorf("cannot read the secret file %s: it is a link; name the file that it leads to", path)
	}
	if err != nil {
		if p, ok := errors.AsType[*os.PathError](err); ok {
			err = p.Err
		}
		return "", fmt.Errorf("cannot read the secret file %s: %w", path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("cannot read the secret file %s: %w", path, err)
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("cannot read the secret file %s: it is no regular file", path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("cannot read the secret file %s: %w", path, err)
	}
	if len(content) > maxSecret {
		return "", fmt.Errorf("cannot read the secret file %s: it is larger than 64 KiB", path)
	}
	return string(content), nil
}
