package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) carryFields(s *Settings) []field {
	return []field{
		{"allow", func(n *yaml.Node, at string) { put(&s.CarryAllow)(d.carryNames(n, at)) }},
	}
}

// carryNames reads patterns of names that hooks may hand to later ones.
func (d *decoder) carryNames(n *yaml.Node, at string) ([]string, bool) {
	const example = "allow: [LD_LIBRARY_PATH, 'PYTHON*']"
	return d.listOf(n, at, example, func(n *yaml.Node, at string) (string, bool) {
		v, n, ok := d.text(n, at, "a pattern of names", example)
		switch {
		case !ok:
		case v == "" || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_*?") != "":
			d.errorf(n, "%s: expected letters, digits, _, * and ?, not %s", at, describe(n))
		case strings.Trim(v, "*?") == "":
			d.errorf(n, "%s: %s fits every name, or none; expected a pattern such as `%s`", at, describe(n), example)
		case strings.HasPrefix(v, "PHASED_"):
			d.errorf(n, "%s: names that begin with PHASED_ are phased's own, and can be allowed to nobody", at)
		default:
			return v, true
		}
		return "", false
	})
}
