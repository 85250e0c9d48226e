package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction/dialect"
)

// BiddersConfig describes a house of bidders on one HTTP port.
type BiddersConfig struct {
	// Addr is where they are asked, "ip:port"; default "127.0.0.1:0".
	Addr string
	// SIP is the host, with a port where it has one, that stands in bids as the
	// place to call; default "buyers.invalid".
	SIP string
	// Names says who bids how; default Biddings().
	Names  map[string]Bidding
	Logger *slog.Logger // nil = discard
}

// Bidders answer pings in the Ringba format at /v1/production/NAME.json and
// NAME.xml.
type Bidders struct {
	cfg    BiddersConfig
	server *http.Server
	addr   string
	served chan struct{}
	quit   chan struct{}
	once   sync.Once

	mu   sync.Mutex
	asks []Asked
}

// Asked is one ping as a bidder saw it.
type Asked struct {
	Name    string
	At      time.Time
	Request dialect.Request
	Amount  ringbid.Money // what was bid, 0 for a refusal
	BidID   string
}

const (
	maxAsked = 2000
	maxBody  = 64 << 10
)

// NewBidders opens the server; pings are answered when it returns.
func NewBidders(c BiddersConfig) (*Bidders, error) {
	c.SIP = cmp.Or(c.SIP, "buyers.invalid")
	if c.Names == nil {
		c.Names = Biddings()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := net.Listen("tcp", cmp.Or(c.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("open bidders: %w", err)
	}
	b := &Bidders{cfg: c, addr: l.Addr().String(), served: make(chan struct{}), quit: make(chan struct{})}
	b.server = &http.Server{
		Handler: http.HandlerFunc(b.answer), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // faults are meant
	}
	go func() {
		defer close(b.served)
		if err := b.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.Logger.Error("bidders stopped", "error", err)
		}
	}()
	return b, nil
}

// Addr returns the address of the server.
func (b *Bidders) Addr() string { return b.addr }

// URL returns where the named bidder is asked, for answers in JSON.
func (b *Bidders) URL(name string) string {
	return "http://" + b.addr + "/v1/production/" + name + ".json"
}

// Close ends the server, and the answers under way with it.
func (b *Bidders) Close(ctx context.Context) error {
	b.once.Do(func() { close(b.quit) })
	polite, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if b.server.Shutdown(polite) == nil {
		<-b.served
		return nil
	}
	err := b.server.Close() // somebody does not read what we send
	<-b.served
	return err
}

// Asked returns the pings so far, the oldest first, at most the last 2000.
func (b *Bidders) Asked() []Asked {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asks)
}

func (b *Bidders) note(a Asked) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asks) >= maxAsked {
		b.asks = slices.Delete(b.asks, 0, len(b.asks)-maxAsked+1)
	}
	b.asks = append(b.asks, a)
}

// answer is the HTTP handler.
func (b *Bidders) answer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	file := path.Base(r.URL.Path)
	name, format, _ := strings.Cut(file, ".")
	how, ok := b.cfg.Names[name]
	if !ok || path.Dir(r.URL.Path) != "/v1/production" || format != "json" && format != "xml" {
		http.NotFound(w, r)
		return
	}
	req, err := dialect.DecodeRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	bid := b.bid(how, req)
	b.note(Asked{Name: name, At: time.Now(), Request: req, Amount: bid.Amount, BidID: bid.ID})
	if !b.wait(r.Context(), how.Delay) {
		return
	}
	contentType, body := dialect.EncodeBid(bid, format == "xml")
	w.Header().Set("Content-Type", contentType)
	if how.Fault != FaultNone {
		b.misbehave(w, r, how.Fault, body)
		return
	}
	_, _ = w.Write(body)
}

// wait reports whether it lasted; the asker or the house may end it.
func (b *Bidders) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-b.quit:
	}
	return false
}

// bid decides on the answer.
func (b *Bidders) bid(how Bidding, req dialect.Request) dialect.Bid {
	id := bidID()
	if how.Reject != 0 {
		return dialect.Bid{ID: id, Reject: dialect.RejectReason(how.Reject)}
	}
	bid := dialect.Bid{
		ID: id, Amount: how.price(req), ExpireIn: cmp.Or(how.Expire, time.Minute),
		SIP: cmp.Or(how.User, "answer") + "." + id + "@" + b.cfg.SIP,
	}
	switch how.Fault {
	case FaultNegative:
		bid.Amount = -bid.Amount
	case FaultPrice:
		bid.Amount = 1_000_000 * ringbid.MoneyScale
	case FaultExpired:
		bid.ExpireIn, bid.ExpireAt = 0, time.Now().Add(-time.Minute)
	}
	return bid
}

// price is a whole number of cents between Least and Most that depends on who
// calls from where.
func (h Bidding) price(req dialect.Request) ringbid.Money {
	const cent = ringbid.MoneyScale / 100
	if h.Most <= h.Least {
		return h.Least
	}
	sum := fnv.New64a()
	fmt.Fprint(sum, req.Caller, req.Tag("zipcode"), req.Tag("state"))
	return h.Least + ringbid.Money(sum.Sum64()%uint64((h.Most-h.Least)/cent+1))*cent
}

func bidID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "RTB" + hex.EncodeToString(b[:])
}
