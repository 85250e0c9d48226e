// Package bench measures what calls cost, how long they are kept waiting and how
// many there can be: processor time of a relayed and of a recorded packet and of
// a call's set-up, the time on the way of a packet and of a message, memory, the
// clock of prompts, what a full machine does, what an auction adds to its slowest
// useful bidder, and what leads cost. A figure stands beside a floor that is
// measured in the same run, on the same machine, in turn with it, and beside the
// peers that are installed; only the ratios are worth comparing with another
// machine's.
//
// What is measured runs in a child process, so that its processor time is its
// own; the load comes from the parent over loopback, bounded in count and time.
// A figure with a target gets a verdict, unless its floor moved by more than
// 15 % between rounds: then the machine was not quiet enough for one.
package bench

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Options sets the size of a run.
type Options struct {
	Calls  int // concurrent calls of the relay figures; default 200
	Rounds int // default 5, of a quick run 1
	// Quick makes everything small: it shows that the instruments work, not what
	// they measure.
	Quick bool
	// Self is the program and arguments that start a child of a given role.
	Self func(role string) []string
	// Profile is a folder for the profiles of the children; empty = none.
	Profile string
	// Program is the ringbid command, for what is measured on a whole node.
	Program string
}

// sizes are the numbers that a quick run makes small.
type sizes struct {
	settle, window time.Duration // of a relay round
	latency        int           // calls of the latency figures
	rate           int           // calls a second of the set-up figures
	calls          int           // of them, in a round
	keyed          int           // calls that press keys, in a round
	memory         int           // calls of the memory figures
	prompts        int           // streams of the clock figure
	capacity       int           // calls of the capacity figures
}

func (o Options) sizes() sizes {
	if o.Quick {
		return sizes{100 * time.Millisecond, 400 * time.Millisecond, 4, 40, 20, 3, 10, 20, 8}
	}
	return sizes{2 * time.Second, 8 * time.Second, 100, 200, 800, 50, 150, 1000, 500}
}

// The addresses of a run: what is measured, callers and buyers each have their
// own.
var (
	serverIP = netip.AddrFrom4([4]byte{127, 0, 7, 1})
	callerIP = netip.AddrFrom4([4]byte{127, 0, 7, 2})
	buyerIP  = netip.AddrFrom4([4]byte{127, 0, 7, 3})
)

// The RTP ports of what is measured.
const portMin, portMax = 10_000, 31_999

// benchmark is one entry of the list.
type benchmark struct {
	name string
	run  func(context.Context, Options) ([]Figure, error)
}

func benchmarks() []benchmark {
	return []benchmark{
		{"relay", relay}, {"latency", latency}, {"freeze", freeze}, {"setup", setup}, {"keys", keys}, {"memory", memory},
		{"clock", clock}, {"capacity", capacity}, {"auction", auctions}, {"leads", leads},
	}
}

// Names lists what Run can measure.
func Names() []string {
	var out []string
	for _, b := range benchmarks() {
		out = append(out, b.name)
	}
	return out
}

// Run measures what is named, everything without names.
func Run(ctx context.Context, names []string, o Options) ([]Figure, error) {
	rounds := 5
	if o.Quick {
		rounds = 1
	}
	o.Calls, o.Rounds = cmp.Or(o.Calls, 200), cmp.Or(o.Rounds, rounds)
	for _, n := range names {
		if !slices.Contains(Names(), n) {
			return nil, fmt.Errorf("there is no benchmark %q; there are %v", n, Names())
		}
	}
	var out []Figure
	for _, b := range benchmarks() {
		if len(names) > 0 && !slices.Contains(names, b.name) {
			continue
		}
		figures, err := b.run(ctx, o)
		if err != nil {
			return out, fmt.Errorf("measure %s: %w", b.name, err)
		}
		out = append(out, figures...)
	}
	return out, nil
}
