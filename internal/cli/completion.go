package cli

import (
	"github.com/spf13/cobra"
)

func newCompletion(w *World) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "print the completion script of a shell",
		Long: `Prints the script by which a shell completes commands, flags, lifecycles, runs and
hooks. The packages install it; it is for a phased that was put in place by hand.`,
		Example: `phased completion bash > /usr/share/bash-completion/completions/phased
phased completion zsh > /usr/share/zsh/vendor-completions/_phased
phased completion fish > /usr/share/fish/vendor_completions.d/phased.fish`,
		Args:      atMost(1),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return invalid("completion: which shell? expected bash, zsh or fish")
			}
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(w.Stdout, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(w.Stdout)
			case "fish":
				return cmd.Root().GenFishCompletion(w.Stdout, true)
			}
			return invalid("completion: no completion for %q; expected bash, zsh or fish", args[0])
		},
	}
}
