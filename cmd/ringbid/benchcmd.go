package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringbid/ringbid/cmd/ringbid/bench"
)

// benchCommand measures what a call costs, each figure beside a floor.
func benchCommand() *cobra.Command {
	var (
		o      bench.Options
		asJSON bool
		role   string
	)
	cmd := &cobra.Command{
		Use:       "bench [NAME…]",
		Short:     "Measure what a call costs, beside a floor from the same run",
		ValidArgs: bench.Names(),
		RunE: func(cmd *cobra.Command, names []string) error {
			if role != "" {
				return bench.Child(role, os.Stdin, os.Stdout)
			}
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			if o.Calls < 1 || o.Calls > 2000 || o.Rounds < 0 || o.Rounds > 50 {
				return errors.New("--calls is 1 to 2000, --rounds 0 to 50")
			}
			o.Program = exe
			o.Self = func(role string) []string { return []string{exe, "bench", "--child", role} }
			figures, err := bench.Run(cmd.Context(), names, o)
			if err != nil {
				return err
			}
			return bench.Print(cmd.OutOrStdout(), figures, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVar(&o.Calls, "calls", 200, "concurrent calls of the relay figures")
	cmd.Flags().IntVar(&o.Rounds, "rounds", 0, "rounds of each figure (default 5, 1 with --quick)")
	cmd.Flags().BoolVar(&o.Quick, "quick", false, "everything small: shows that the instruments work, not what they measure")
	cmd.Flags().StringVar(&o.Profile, "profile", "", "folder for processor and memory profiles of what is measured")
	cmd.Flags().StringVar(&role, "child", "", "")
	_ = cmd.Flags().MarkHidden("child")
	return cmd
}
