package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
	"phased/internal/redact"
)

// secretNames returns the patterns of names whose values are on no record.
func secretNames(s *config.Settings) redact.Names {
	return append(redact.DefaultNames(), s.Secrets.Names...)
}

// secretSet returns what is known to be secret when a run starts. Without a file
// that is declared secret nothing starts: its content could be on record then.
func secretSet(s *config.Settings, p phased.Plan) (*redact.Set, error) {
	set, err := s.SecretSet(p.Surroundings.Env)
	if err != nil {
		return nil, &failure{exitInvalid, fmt.Errorf("%w\nNo hook was run: what a secret file holds could not be kept out of the record. See secrets.files in %s", err, orText(s.File, "the settings"))}
	}
	return set, nil
}

// hookSecrets looks at the files that hooks of a plan name as secret, and goes on to
// do so while they run. One that is not there yet may come; one that is there and
// cannot be read lets nothing start.
func hookSecrets(set *redact.Set, p phased.Plan) (*config.SecretFiles, error) {
	files := config.WatchSecrets(set)
	for _, ph := range p.AllPhases() {
		for _, e := range ph.Hooks() {
			files.Add(e.Secrets...)
			for _, s := range e.Secrets {
				if err := files.Check(s); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, &failure{exitInvalid, fmt.Errorf("%w\nNo hook was run: what a secret file holds could not be kept out of the record. See secret= of %s", err, e.Path)}
				}
			}
		}
	}
	return files, nil
}

// cleaned takes the secrets of a set out of what is told of a run.
func cleaned(set *redact.Set) func(phased.Payload) phased.Payload {
	return func(p phased.Payload) phased.Payload {
		if set.Empty() {
			return p
		}
		return phased.Cleaned(p, set.Clean)
	}
}

// withoutSecrets returns the surroundings as they may be shown and recorded.
func withoutSecrets(names redact.Names, s phased.Surroundings) phased.Surroundings {
	env := make([]phased.Text, len(s.Env))
	for i, e := range s.Env {
		env[i] = phased.Text(withoutSecret(names, string(e)))
	}
	s.Env = env
	return s
}

// withoutSecret hides the value of an assignment NAME=value, also where a flag
// stands before it, if the name is that of a secret.
func withoutSecret(names redact.Names, word string) string {
	name, _, assigned := strings.Cut(word, "=")
	if !assigned {
		return word
	}
	if flag, ok := strings.CutPrefix(name, "--"); ok && flag == "env" {
		return name + "=" + withoutSecret(names, word[len(name)+1:])
	}
	if !names.Match(name) {
		return word
	}
	return name + "=" + redact.Mark
}

// shownPlan returns the plan as it may be shown.
func shownPlan(s *config.Settings, p phased.Plan) phased.Plan {
	names := secretNames(s)
	p.Surroundings = withoutSecrets(names, p.Surroundings)
	origins := make([]phased.Origin, len(p.Origins))
	for i, o := range p.Origins {
		if name, ok := strings.CutPrefix(o.Option, "environment."); ok && names.Match(name) {
			o.Value = redact.Mark
		}
		origins[i] = o
	}
	p.Origins = origins
	return p
}
