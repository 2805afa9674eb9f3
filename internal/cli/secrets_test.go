package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/config"
	"phased/internal/phased"
)

func TestSecretsAreNotShown(t *testing.T) {
	s := config.Default()
	s.Secrets.Names = []string{"MY_*"}
	p := phased.Plan{
		Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/bin", "DB_PASSWORD=hunter22", "my_thing=x", "ODD", "A=TOKEN=1"}},
		Origins:      []phased.Origin{{Option: "environment.API_TOKEN", Value: "hunter22"}, {Option: "grace", Value: "10s"}},
	}
	shown := shownPlan(s, p)
	if d := cmp.Diff([]phased.Text{"PATH=/bin", "DB_PASSWORD=[secret]", "my_thing=[secret]", "ODD", "A=TOKEN=1"}, shown.Surroundings.Env); d != "" {
		t.Error(d)
	}
	if shown.Origins[0].Value != "[secret]" || shown.Origins[1].Value != "10s" {
		t.Errorf("origins %+v", shown.Origins)
	}
	if p.Surroundings.Env[1] != "DB_PASSWORD=hunter22" || p.Origins[0].Value != "hunter22" {
		t.Error("the plan itself was changed: its hooks would get no secrets")
	}
	for word, want := range map[string]string{
		"--env=DB_PASSWORD=x": "--env=DB_PASSWORD=[secret]", "DB_PASSWORD=x": "DB_PASSWORD=[secret]", "--env": "--env", "--base=/srv/PASSWORD": "--base=/srv/PASSWORD", "--env=A=b=c": "--env=A=b=c",
	} {
		if got := withoutSecret(secretNames(s), word); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}
