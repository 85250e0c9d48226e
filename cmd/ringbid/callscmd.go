package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringbid/ringbid"
)

// callsCommand prints stored calls, the newest first.
func callsCommand() *cobra.Command {
	var (
		c      config
		last   int
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "calls [ID…]",
		Short: "Print stored calls, the newest first",
		RunE: func(cmd *cobra.Command, ids []string) error {
			if last < 1 || last > 500 {
				return errors.New("--last is 1 to 500")
			}
			if err := c.hasRun(); err != nil {
				return err
			}
			st, closeStore, err := openStore(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer closeStore()
			calls, err := st.Whole(cmd.Context(), ids, last)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(calls)
			}
			for i := range calls {
				tellLine(cmd, &calls[i])
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&last, "last", 20, "how many")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with legs, auction, money and recording")
	c.storage(cmd.Flags())
	return cmd
}

// hasRun refuses a folder without a database, such as a mistyped one: asking
// for calls makes nothing.
func (c *config) hasRun() error {
	if c.DatabaseURL != "" {
		return nil
	}
	if _, err := os.Stat(c.path("postgres")); err != nil {
		return fmt.Errorf("there are no calls in %s: ringbid has not run there", c.Data)
	}
	return nil
}

func tellLine(cmd *cobra.Command, c *ringbid.Call) {
	outcome := string(c.Outcome)
	if c.State == ringbid.StateLive {
		outcome = "live"
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s → %s  %-10s %-20s %6.1f s  %8s %8s\n", c.Received.Format("2006-01-02 15:04:05"), c.ID,
		c.Caller.Mask(), c.Number, outcome, c.Target, float64(c.ConnectedMS)/1000, c.Sale.Revenue, c.Sale.Payout)
}
