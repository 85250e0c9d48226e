package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/auction/dialect"
	"github.com/ringbid/ringbid/delivery/connector"
)

// auctionsPerRound is how many auctions one round holds, one after another.
const auctionsPerRound = 25

// delays are how long the bidders take; the last one cannot win and would hold
// up whoever waits for everybody.
var delays = []time.Duration{2 * time.Millisecond, 5 * time.Millisecond, 8 * time.Millisecond, 12 * time.Millisecond, 20 * time.Millisecond}

// auctions measures the time from the answer of the slowest useful bidder until
// the award is there, slot reserved, against a bare wait for the same parallel
// requests.
func auctions(ctx context.Context, o Options) ([]Figure, error) {
	srv, err := serveBidders()
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	client, err := connector.New(connector.Config{Allow: []string{"127.0.0.1"}})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	m := auction.New(auction.Config{
		Roster: bidders(srv.addr), Ledger: open{}, Bidders: map[string]auction.Bidder{"ringba": &dialect.Ringba{Client: client}},
	})
	var values, floors []float64
	for range o.Rounds {
		var ours, bare []float64
		for range auctionsPerRound {
			us, err := oneAuction(ctx, m)
			if err != nil {
				return nil, err
			}
			ours = append(ours, us)
			us, err = oneWait(ctx, srv.addr)
			if err != nil {
				return nil, err
			}
			bare = append(bare, us)
		}
		values, floors = append(values, spread(ours).Median), append(floors, spread(bare).Median)
	}
	f := figure("auction beyond its slowest bidder", "µs", values, floors)
	f.Note = fmt.Sprintf("%d bidders over HTTP on loopback answering after 2 to 20 ms; floor: the same requests in parallel, waiting for all; goal 5,000 µs", len(delays))
	return []Figure{f}, nil
}

// oneAuction returns the µs between the last useful answer and the award.
func oneAuction(ctx context.Context, m *auction.Market) (float64, error) {
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a := m.Open(bounded, ringbid.Ask{
		CallID: ringbid.NewID(), Campaign: "bench", Caller: "+13105550100", Number: "+18005550100",
		Facts: ringbid.TagMap{"zip": "90210"}, Deadline: time.Second,
	})
	_, ok := a.Award(bounded)
	at := time.Now()
	rec := a.Done(0)
	if !ok {
		return 0, fmt.Errorf("nobody won: %+v", rec.Bids)
	}
	var last time.Time
	for _, b := range rec.Bids {
		if b.Replied != nil && b.Replied.After(last) {
			last = *b.Replied
		}
	}
	return float64(at.Sub(last).Nanoseconds()) / 1000, nil
}

// oneWait sends the same requests and returns the µs between the last answer
// and knowing that it was the last.
func oneWait(ctx context.Context, addr string) (float64, error) {
	ends := make([]time.Time, len(delays))
	errs := make([]error, len(delays))
	var all sync.WaitGroup
	for i := range delays {
		all.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, bidURL(addr, i), nil)
			if err != nil {
				errs[i] = err
				return
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				errs[i] = err
				return
			}
			_, errs[i] = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			ends[i] = time.Now()
		})
	}
	all.Wait()
	at := time.Now()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return float64(at.Sub(slices.MaxFunc(ends, time.Time.Compare)).Nanoseconds()) / 1000, nil
}

// bidServer answers for all bidders.
type bidServer struct {
	*http.Server
	addr string
}

func serveBidders() (*bidServer, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for i, d := range delays {
		mux.HandleFunc(fmt.Sprintf("/v1/production/%d.json", i), func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(d)
			kind, body := dialect.EncodeBid(dialect.Bid{
				ID: ringbid.NewID(), Amount: ringbid.Money((i + 1) * 10 * ringbid.MoneyScale), ExpireIn: time.Minute, SIP: "bid@127.0.0.1",
			}, false)
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		})
	}
	s := &bidServer{&http.Server{Handler: mux, ReadHeaderTimeout: time.Second}, l.Addr().String()}
	go func() { _ = s.Serve(l) }()
	return s, nil
}

func bidURL(addr string, i int) string {
	return fmt.Sprintf("http://%s/v1/production/%d.json", addr, i)
}

// bidders is the roster: one for each delay, behind one address.
type bidders string

func (addr bidders) Buyings(string) []ringbid.Buying {
	buyer := &ringbid.Buyer{Name: "buyer"}
	var out []ringbid.Buying
	for i := range delays {
		name := fmt.Sprintf("bidder-%d", i)
		out = append(out, ringbid.Buying{
			Route: ringbid.Route{Bidder: name, Priority: 10, Weight: 100}, Buyer: buyer,
			Target: &ringbid.Target{Name: name, Buyer: "buyer", Trunk: "trunk", User: "user"},
			Bidder: &ringbid.Bidder{Name: name, Target: name, Dialect: "ringba", URL: bidURL(string(addr), i), Requires: []string{"zip"}, Fields: map[string]string{"zipcode": "zip"}},
		})
	}
	return out
}

// open is a ledger with room for everybody.
type open struct{}

func (open) Reserve(context.Context, string, *ringbid.Target) error { return nil }
func (open) Release(context.Context, string, string)                {}
func (open) Full(*ringbid.Target) (string, bool)                    { return "", false }
