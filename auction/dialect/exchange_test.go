package dialect_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/auction/dialect"
	"github.com/ringbid/ringbid/delivery/connector"
)

func newExchange(t *testing.T) *dialect.Exchange {
	t.Helper()
	c, err := connector.New(connector.Config{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &dialect.Exchange{Sender: connector.NewSender(c, nil, nil)}
}

// asked is a request as an endpoint saw it.
type asked struct {
	Method, Path, Type, Key, Auth, Body string
}

// answering is an endpoint that says the same to everybody, and what it was asked
// last.
func answering(t *testing.T, status int, answer string) (address string, last func() asked) {
	t.Helper()
	var mu sync.Mutex
	var seen asked
	address = endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		seen = asked{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), string(body)}
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})
	return address, func() asked { mu.Lock(); defer mu.Unlock(); return seen }
}

func exchangePing(address string, edit ...func(*ringbid.Bidder)) auction.Ping {
	p := auction.Ping{
		Bidder: &ringbid.Bidder{
			Name: "b", Target: "desk", Dialect: "exchange", URL: address + "/ping", Fields: map[string]string{"zip_code": "zip", "State": "state", "age": "age"},
			Timeout: ringbid.Duration(2 * time.Second),
		},
		CallID: "lead-1", Facts: ringbid.TagMap{"zip": "90210", "state": "CA", "ssn": "not to be sent"},
	}
	for _, e := range edit {
		e(p.Bidder)
	}
	return p
}

// TestExchangePing asks for a bid: what is named and known is sent under the
// bidder's names, and nothing else.
func TestExchangePing(t *testing.T) {
	t.Parallel()
	address, last := answering(t, 200, `{"status":"accepted","ping_id":"P-1","price":"12.50","reason":"not read"}`)
	r, err := newExchange(t).Ping(t.Context(), exchangePing(address))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(asked{Method: "POST", Path: "/ping", Type: "application/json", Body: `{"State":"CA","zip_code":"90210"}`}, last()); d != "" {
		t.Error(d)
	}
	if !strings.Contains(r.Request, `"zip_code":"90210"`) || !strings.Contains(r.Raw, "P-1") {
		t.Errorf("recorded: %s\n%s", r.Request, r.Raw)
	}
	r.Request, r.Raw = "", ""
	if d := cmp.Diff(auction.Reply{Accepted: true, BidID: "P-1", Amount: 125_000, Status: 200}, r); d != "" {
		t.Error(d)
	}
}

// The names of facts match without regard to case, as everywhere in a campaign;
// the caller's number goes out where it is named and given.
func TestExchangeFacts(t *testing.T) {
	t.Parallel()
	address, last := answering(t, 200, `{"accepted":true,"price":1}`)
	p := exchangePing(address, func(b *ringbid.Bidder) { b.Fields = map[string]string{"zip": "ZIP", "phone": "caller"} })
	p.Facts, p.Caller = ringbid.TagMap{"Zip": "90210", "caller": "from the facts"}, "+13105550123"
	x := newExchange(t)
	if _, err := x.Ping(t.Context(), p); err != nil || last().Body != `{"phone":"+13105550123","zip":"90210"}` {
		t.Errorf("sent %s, %v", last().Body, err)
	}
	p.Caller, p.Facts = "", ringbid.TagMap{"zip": "90210"}
	if _, err := x.Ping(t.Context(), p); err != nil || last().Body != `{"zip":"90210"}` {
		t.Errorf("without a caller: sent %s, %v", last().Body, err)
	}
}

// TestExchangeAnswers reads what bidders say in the usual words.
func TestExchangeAnswers(t *testing.T) {
	t.Parallel()
	yes := func(id string, amount ringbid.Money) auction.Reply {
		return auction.Reply{Accepted: true, BidID: id, Amount: amount}
	}
	for name, c := range map[string]struct {
		status int
		answer string
		want   auction.Reply
		kind   ringbid.Kind // of the error; Internal for none
	}{
		"result":             {200, `{"result":"success","bid":"7","bidId":"x"}`, yes("x", 70_000), 0},
		"boolean":            {201, `{"success":"true","payout":0.5}`, yes("", 5_000), 0},
		"a free one":         {200, `{"accepted":true,"price":"0"}`, yes("", 0), 0},
		"xml":                {200, `<response><result>success</result><price>$1,250.75</price><leadAuctionId>9</leadAuctionId></response>`, yes("9", 12_507_500), 0},
		"no":                 {200, `{"status":"rejected","reason":"no capacity"}`, auction.Reply{Code: "rule", Reason: "no capacity"}, 0},
		"no, by status":      {422, `{"error":"zip"}`, auction.Reply{Code: "rule", Reason: "zip"}, 0},
		"yes without price":  {200, `{"status":"accepted","ping_id":"P-1"}`, auction.Reply{BidID: "P-1", Code: "incomplete"}, ringbid.Invalid},
		"a price of letters": {200, `{"status":"accepted","price":"a lot"}`, auction.Reply{Code: "incomplete"}, ringbid.Invalid},
		"a negative price":   {200, `{"status":"accepted","price":-1}`, auction.Reply{Code: "incomplete"}, ringbid.Invalid},
		"two verdicts":       {200, `{"status":"rejected","status":"accepted","price":9}`, auction.Reply{Code: "contradiction", Reason: "answer says status twice, differently"}, ringbid.Unavailable},
		"broken":             {500, `{"status":"accepted","price":9}`, auction.Reply{Code: "contradiction", Reason: "status 500 Internal Server Error beside words that say accepted"}, ringbid.Unavailable},
		"a page":             {200, `<!DOCTYPE html><html><head><title>Oops</title></head></html>`, auction.Reply{Code: "web_page", Reason: "answered with a web page: oops"}, 0},
		"half":               {200, `{"status":"accep`, auction.Reply{Code: "not_understood"}, ringbid.Unavailable},
		"nothing":            {200, ``, auction.Reply{Code: "not_understood"}, ringbid.Unavailable},
		"who are you":        {401, `{"error":"unknown key"}`, auction.Reply{Code: "status", Reason: "unknown key"}, ringbid.Unavailable},
		"come again":         {429, `{"error":"slow down"}`, auction.Reply{Code: "status", Reason: "slow down"}, ringbid.Unavailable},
	} {
		address, _ := answering(t, c.status, c.answer)
		got, err := newExchange(t).Ping(t.Context(), exchangePing(address))
		if (err != nil) != (c.kind != ringbid.Internal) || err != nil && ringbid.KindOf(err) != c.kind {
			t.Errorf("%s: error %v", name, err)
		}
		if c.want.Reason == "" && c.want.Code == "not_understood" {
			got.Reason = "" // in the words of a parser
		}
		if got.Status != c.status {
			t.Errorf("%s: status %d", name, got.Status)
		}
		got.Request, got.Raw, got.Status = "", "", 0
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// What an endpoint does to us is a code that the auction knows: late is late.
func TestExchangeTrouble(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	slow := endpoint(t, func(http.ResponseWriter, *http.Request) { <-hold })
	t.Cleanup(func() { close(hold) }) // before the server is closed
	for name, c := range map[string]struct {
		address, code string
		kind          ringbid.Kind
	}{
		"silent":  {slow, auction.CodeTimeout, ringbid.Unavailable},
		"nobody":  {"http://127.0.0.1:1", "unreachable", ringbid.Unavailable},
		"private": {"http://10.1.2.3", "blocked_address", ringbid.Unavailable},
		"no name": {"http://bids.invalid", "unknown_host", ringbid.Unavailable},
	} {
		got, err := newExchange(t).Ping(t.Context(), exchangePing(c.address, func(b *ringbid.Bidder) { b.Timeout = ringbid.Duration(150 * time.Millisecond) }))
		if got.Code != c.code || ringbid.KindOf(err) != c.kind || got.Accepted {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestExchangeAsDocumented changes how a bidder is asked and understood by its
// document, and keeps its credentials out of the record.
func TestExchangeAsDocumented(t *testing.T) {
	t.Parallel()
	address, last := answering(t, 200, `{"outcome":{"code":"BUY","dollars":"$12.50","ref":"R-9"}}`)
	p := exchangePing(address, func(b *ringbid.Bidder) {
		b.Auth = ringbid.MethodAuth{Kind: "bearer", Secret: "top-secret-token"}
		b.Exchange = ringbid.Raw(`{"body":"form","query":{"v":"2"},"key_header":"Idempotency-Key","map":{"fields":[
			{"to":"postal","from":"zip"},{"to":"src","static":"web"}]},
			"answer":{"accepted":"is(\"outcome.code\",\"buy\")","id":"at(\"outcome.ref\")","price":"at(\"outcome.dollars\")","reason":"at(\"outcome.why\")"}}`)
	})
	r, err := newExchange(t).Ping(t.Context(), p)
	if err != nil || r.BidID != "R-9" || r.Amount != 125_000 || !r.Accepted {
		t.Errorf("%+v, %v", r, err)
	}
	want := asked{Method: "POST", Path: "/ping?v=2", Type: "application/x-www-form-urlencoded", Key: "lead-1", Auth: "Bearer top-secret-token", Body: url.Values{"postal": {"90210"}, "src": {"web"}}.Encode()}
	if d := cmp.Diff(want, last()); d != "" {
		t.Error(d)
	}
	if strings.Contains(r.Request, "top-secret") {
		t.Errorf("the record tells the secret: %s", r.Request)
	}
}

// An unsound exchange is found when it is published, and never asked with.
func TestUnsoundExchange(t *testing.T) {
	t.Parallel()
	address, last := answering(t, 200, `{}`)
	for name, c := range map[string]struct{ exchange, want string }{
		"unknown member": {`{"verb":"PUT"}`, `exchange: json: unknown field "verb"`},
		"no object":      {`[]`, "exchange: is not an object"},
		"expression":     {`{"answer":{"accepted":"status =="}}`, "exchange: answer.accepted"},
		"method":         {`{"method":"FETCH"}`, "exchange: method"},
		"credentials":    {`{"auth":{"kind":"bearer"}}`, "exchange: auth: credentials have a place of their own"},
	} {
		p := exchangePing(address, func(b *ringbid.Bidder) { b.Exchange = ringbid.Raw(c.exchange) })
		if err := dialect.CheckBidder(p.Bidder); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if r, err := newExchange(t).Ping(t.Context(), p); ringbid.KindOf(err) != ringbid.Invalid || r.Code != "unsound" {
			t.Errorf("%s is asked with: %+v, %v", name, r, err)
		}
	}
	if last() != (asked{}) {
		t.Errorf("asked with %+v", last())
	}
	if err := dialect.CheckBidder(exchangePing(address).Bidder); err != nil {
		t.Errorf("a sound bidder: %v", err)
	}
	if err := dialect.CheckBidder(&ringbid.Bidder{Dialect: "ringba", Exchange: ringbid.Raw(`[]`)}); err != nil {
		t.Errorf("a bidder of another dialect: %v", err)
	}
}

// One Exchange serves many pings at once.
func TestExchangeAtOnce(t *testing.T) {
	t.Parallel()
	address, _ := answering(t, 200, `{"accepted":true,"price":3}`)
	x, p := newExchange(t), exchangePing(address)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if r, err := x.Ping(t.Context(), p); err != nil || r.Amount != 30_000 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	all.Wait()
}
