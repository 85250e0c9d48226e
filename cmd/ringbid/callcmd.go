package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// callStory is what call prints: the caller's side, and what was stored of the
// same call where the data is at hand.
type callStory struct {
	sim.Story
	Bridged bool          `json:"bridged"`
	Stored  *ringbid.Call `json:"stored,omitempty"`
}

// callCommand places one call and tells its story. It ends with status 0 only
// if the call was bridged and audio came back.
func callCommand() *cobra.Command {
	var (
		c      config
		caller sim.Caller
		from   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "call NUMBER --via IP:PORT",
		Short: "Place one call and tell its story",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			caller.To = args[0]
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			carrier, err := sim.NewCarrier(sim.CarrierConfig{Addr: from})
			if err != nil {
				return err
			}
			defer carrier.Close(context.WithoutCancel(ctx))
			story, err := carrier.Place(ctx, caller)
			if err != nil {
				return err
			}
			told := callStory{Story: story, Bridged: story.Bridged()}
			told.Stored = storedCall(ctx, c, story)
			return told.print(cmd.OutOrStdout(), asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&caller.Via, "via", "127.0.0.1:5060", "where the call is sent: IP:PORT")
	f.StringVar(&caller.Network, "network", "udp", "udp or tcp")
	f.StringVar(&caller.From, "from", "+13105550123", "the caller's number; anonymous withholds it")
	f.StringVar(&caller.Name, "name", "", "the caller's name")
	f.StringVar(&caller.Digits, "digits", "", "keys to press, groups separated by commas: one per question")
	f.DurationVar(&caller.DigitsAfter, "digits-after", 0, "press so long after the answer; default when the voice that asks has ended")
	f.DurationVar(&caller.Hold, "hold", 5*time.Second, "how long to talk")
	f.DurationVar(&caller.Patience, "patience", 60*time.Second, "how long to wait for a buyer")
	f.StringVar(&from, "local", "127.0.0.1:0", "address to call from: IP:PORT")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	c.storage(f)
	return cmd
}

// storedCall looks for the row of the call for a few seconds, where the data
// folder or database is at hand; nil where it is not.
func storedCall(ctx context.Context, c config, s sim.Story) *ringbid.Call {
	st, closeStore, err := attachStore(ctx, c)
	if err != nil {
		return nil
	}
	defer closeStore()
	limit, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		call, err := st.CallBySIP(limit, s.CallID)
		if err == nil && call.State == ringbid.StateEnded {
			return call
		}
		select {
		case <-limit.Done():
			return nil
		case <-look.C:
		}
	}
}

func (s callStory) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(s); err != nil {
			return err
		}
	} else {
		s.tell(w)
	}
	if !s.Bridged {
		return quietError{}
	}
	return nil
}

// tell prints the story for people.
func (s callStory) tell(w io.Writer) {
	for _, l := range s.Lines {
		fmt.Fprintf(w, "%8.3f s  %s\n", float64(l.MS)/1000, l.Text)
	}
	if s.Bridged {
		fmt.Fprintf(w, "\nBridged: the buyer was heard for %.1f s. %d packets sent, %d received, %d lost.\n",
			float64(s.HeardForMS)/1000, s.PacketsSent, s.PacketsReceived, s.Lost)
	} else {
		fmt.Fprintf(w, "\nNot bridged: %s.\n", s.why())
	}
	if s.Stored != nil {
		tellStored(w, s.Stored)
	}
}

func (s callStory) why() string {
	switch {
	case !s.Answered && s.Status != 0:
		return fmt.Sprintf("refused with %d %s", s.Status, s.Reason)
	case !s.Answered:
		return "no answer " + s.Reason
	}
	return "answered, and no buyer was heard; " + s.EndText
}

// tellStored prints what the platform kept of the call.
func tellStored(w io.Writer, c *ringbid.Call) {
	fmt.Fprintf(w, "\ncall %s: %s (%s)\n", c.ID, c.Outcome, c.Reason.Text)
	for _, s := range c.Steps {
		fmt.Fprintf(w, "  flow     %-10s %-10s %s\n", s.Node, s.Type, s.Answer)
	}
	if c.Auction != nil {
		fmt.Fprintf(w, "  auction  closed: %s\n", c.Auction.CloseWhy)
		for _, b := range c.Auction.Bids {
			fmt.Fprintf(w, "  bid      %-18s %-10s %8s  %s\n", b.Name, b.State, b.Amount, b.Reason)
		}
	}
	for _, l := range c.Legs {
		if l.Side == "buyer" {
			fmt.Fprintf(w, "  leg      %-18s %-10s %d %s\n", l.Target, l.Verdict, l.Status, l.Reason)
		}
	}
	fmt.Fprintf(w, "  money    earned %s %s, paid %s; %s\n", c.Sale.Revenue, c.Sale.Currency, c.Sale.Payout, c.Sale.Rule)
	if r := c.Recording; r != nil {
		fmt.Fprintf(w, "  recorded %.1f s, %d channels, sha256 %s\n           %s\n", float64(r.MS)/1000, r.Channels, r.SHA256, r.Path)
	}
}
