package dialect_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/auction/dialect"
	"github.com/ringbid/ringbid/delivery/connector"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func newRingba(t *testing.T) *dialect.Ringba {
	t.Helper()
	c, err := connector.New(connector.Config{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &dialect.Ringba{Client: c, Now: func() time.Time { return noon }}
}

// endpoint serves a bidder's answers.
func endpoint(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func ping(url string, edit ...func(*auction.Ping)) auction.Ping {
	p := auction.Ping{
		Bidder: &ringbid.Bidder{
			Name: "b", Dialect: "ringba", URL: url + "/v1/production/{token}.json", Token: "RTB/secret",
			Fields: map[string]string{"zipcode": "zip", "State": "state", "Age": "age"}, Timeout: ringbid.Duration(2 * time.Second),
		},
		Caller: "+13105550123", Number: "+18005550100", CallID: "call-1",
		Facts: ringbid.TagMap{"zip": "90210", "state": "CA", "ssn": "not to be sent"},
	}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func TestPing(t *testing.T) {
	t.Parallel()
	for _, asXML := range []bool{false, true} {
		var got dialect.Request
		var path string
		url := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			var err error
			path = r.URL.Path
			if got, err = dialect.DecodeRequest(r); err != nil {
				t.Error(err)
			}
			contentType, body := dialect.EncodeBid(dialect.Bid{
				ID: "RTBe98", Amount: 385000, ExpireIn: time.Minute, SIP: "RTBe98@bids.example",
			}, got.XML)
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body)
		})
		p := ping(url)
		ext := ".json"
		if asXML {
			ext = ".xml"
			p.Bidder.URL = strings.TrimSuffix(p.Bidder.URL, ".json") + ext
		}
		r, err := newRingba(t).Ping(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(dialect.Request{
			Caller: "+13105550123", ExposeCaller: true, SIP: true, CallID: "call-1", XML: asXML,
			Tags: map[string]string{"zipcode": "90210", "State": "CA"},
		}, got); d != "" {
			t.Error(d)
		}
		if path != "/v1/production/RTB/secret"+ext {
			t.Errorf("asked %s", path)
		}
		if strings.Contains(r.Request, "secret") || !strings.Contains(r.Request, "/v1/production/{token}"+ext+"\n") {
			t.Errorf("recorded request: %s", r.Request)
		}
		if !strings.Contains(r.Raw, "RTBe98") {
			t.Errorf("recorded answer: %s", r.Raw)
		}
		r.Request, r.Raw = "", ""
		if d := cmp.Diff(auction.Reply{
			Accepted: true, BidID: "RTBe98", Amount: 385000, User: "RTBe98", Expires: noon.Add(time.Minute), Status: 200,
		}, r); d != "" {
			t.Error(d)
		}
	}
}

func TestPingTellsLess(t *testing.T) {
	t.Parallel()
	var got dialect.Request
	url := endpoint(t, func(_ http.ResponseWriter, r *http.Request) { got, _ = dialect.DecodeRequest(r) })
	_, _ = newRingba(t).Ping(t.Context(), ping(url, func(p *auction.Ping) {
		p.Bidder.HideCaller = true
		p.Bidder.Fields = map[string]string{"SIPOK": "sip_wanted"}
	}))
	if d := cmp.Diff(dialect.Request{CallID: "call-1", Tags: map[string]string{}}, got); d != "" {
		t.Error(d)
	}
}

// What a bidder may answer, and what becomes of it. A status of 200 is never
// enough.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const good = `"bidId":"b","bidAmount":4.2,"expireInSeconds":39,"phoneNumber":"+1 (773) 555-0113"`
	for name, c := range map[string]struct {
		status int
		body   string
		want   auction.Reply
		err    string
	}{
		"number": {200, `{` + good + `}`,
			auction.Reply{Accepted: true, BidID: "b", Amount: 42000, User: "+17735550113", Expires: noon.Add(39 * time.Second)}, ""},
		"SIP before number": {200, `{` + good + `,"sipAddress":"b-7@h.example"}`,
			auction.Reply{Accepted: true, BidID: "b", Amount: 42000, User: "b-7", Expires: noon.Add(39 * time.Second)}, ""},
		"created": {201, `{` + good + `}`,
			auction.Reply{Accepted: true, BidID: "b", Amount: 42000, User: "+17735550113", Expires: noon.Add(39 * time.Second)}, ""},
		"cached": {200, `{` + good + `,"warnings":[{"code":230,"description":"cached"}]}`,
			auction.Reply{Accepted: true, BidID: "b", Amount: 42000, User: "+17735550113", Expires: noon.Add(39 * time.Second),
				Reason: "the bidder repeats an earlier bid"}, ""},
		"the clock of the bidder is wrong": {200, `{` + good + `,"bidExpireEpoch":1000}`,
			auction.Reply{Accepted: true, BidID: "b", Amount: 42000, User: "+17735550113", Expires: noon.Add(39 * time.Second)}, ""},
		"negative is for the auction to refuse": {200, `{"bidId":"b","bidAmount":"-4","expireInSeconds":39,"sipAddress":"u@h"}`,
			auction.Reply{Accepted: true, BidID: "b", Amount: -40000, User: "u", Expires: noon.Add(39 * time.Second)}, ""},
		"rejected": {200, `{"bidId":"b","bidAmount":0,"rejectReason":"Caller ID (Code: 1004)"}`,
			auction.Reply{BidID: "b", Code: "1004", Reason: "Caller ID (Code: 1004)"}, ""},
		"rejected in words": {200, `{"bidId":"b","bidAmount":0,"rejectReason":"Missing required fields"}`,
			auction.Reply{BidID: "b", Code: "rejected", Reason: "Missing required fields"}, ""},
		"rejected with a status": {422, `{"rejectReason":"No capacity (Code: 1003)"}`,
			auction.Reply{Code: "1003", Reason: "No capacity (Code: 1003)"}, ""},
		"rejected though it looks whole": {200, `{` + good + `,"rejectReason":"Closed or capped (Code: 1007)"}`,
			auction.Reply{BidID: "b", Amount: 42000, Code: "1007", Reason: "Closed or capped (Code: 1007)"}, ""},
		"nothing offered":  {200, `{"bidId":"b","bidAmount":0}`, auction.Reply{BidID: "b", Code: "no_amount", Reason: "offers nothing"}, ""},
		"empty object":     {200, `{}`, auction.Reply{Code: "no_amount", Reason: "offers nothing"}, ""},
		"no content":       {204, ``, auction.Reply{Code: "no_content", Reason: "answered with nothing"}, ""},
		"no id":            {200, `{"bidAmount":4,"expireInSeconds":39,"phoneNumber":"+17735550113"}`, auction.Reply{Amount: 40000, Code: "incomplete"}, "answer is no bid: it has no bidId"},
		"no destination":   {200, `{"bidId":"b","bidAmount":4,"expireInSeconds":39}`, auction.Reply{BidID: "b", Amount: 40000, Code: "incomplete"}, "answer is no bid: it has no phoneNumber or sipAddress"},
		"no time left":     {200, `{"bidId":"b","bidAmount":4,"expireInSeconds":0,"sipAddress":"u@h"}`, auction.Reply{BidID: "b", Amount: 40000, Code: "incomplete"}, "answer is no bid: it has no time left"},
		"odd destination":  {200, `{"bidId":"b","bidAmount":4,"expireInSeconds":9,"sipAddress":"a b@h"}`, auction.Reply{BidID: "b", Amount: 40000, Code: "incomplete"}, "answer is no bid: its destination cannot be dialled"},
		"odd number":       {200, `{"bidId":"b","bidAmount":4,"expireInSeconds":9,"phoneNumber":"call us"}`, auction.Reply{BidID: "b", Amount: 40000, Code: "incomplete"}, "answer is no bid: its destination cannot be dialled"},
		"not JSON":         {200, `OK`, auction.Reply{Code: "not_understood"}, "answer is not a JSON object"},
		"a page":           {200, `<!doctype html><p>Welcome`, auction.Reply{Code: "not_understood"}, "answer is a web page"},
		"a gateway's page": {200, `<html><h1>502 Bad Gateway</h1></html>`, auction.Reply{Code: "not_understood"}, "answer is a web page"},
		"amount in words":  {200, `{"bidAmount":"lots"}`, auction.Reply{Code: "not_understood"}, `bidAmount: "lots" is not a number we can take`},
		"server error":     {503, `{` + good + `}`, auction.Reply{Code: "http_503"}, "answered with status 503"},
		"unknown campaign": {404, `not found`, auction.Reply{Code: "http_404"}, "answered with status 404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			got, err := newRingba(t).Ping(t.Context(), ping(url))
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("error %v, want %q", err, c.err)
			}
			c.want.Status, c.want.Raw, c.want.Request = c.status, c.body, got.Request
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Answers that are broken below the format.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	for name, c := range map[string]struct {
		url  func(t *testing.T) string
		code string
		err  string
	}{
		"late": {func(t *testing.T) string {
			return endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server see us leave
				<-r.Context().Done()
			})
		}, "timeout", "no answer in time"},
		"huge": {func(t *testing.T) string {
			return endpoint(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20)) })
		}, "too_large", "answer is larger than we read"},
		"bomb": {func(t *testing.T) string {
			return endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(bomb.Bytes())
			})
		}, "encoded", "answer is compressed, which we did not ask for"},
		"redirect": {func(t *testing.T) string {
			return endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
			})
		}, "redirect", "answered with a redirect, which is not followed"},
		"length too long": {func(t *testing.T) string {
			return wire(t, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"bidId\":\"b\"}")
		}, "truncated", "answer is shorter than its Content-Length says"},
		"length too short": {func(t *testing.T) string {
			return wire(t, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n{\"bidId\":\"b\"}")
		}, "not_understood", "answer is not a JSON object"},
		"cut off": {func(t *testing.T) string { return wire(t, "") }, "protocol", "answer is not HTTP, or was cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := ping(c.url(t), func(p *auction.Ping) {
				if c.code == "timeout" {
					p.Bidder.Timeout = ringbid.Duration(50 * time.Millisecond)
				}
			})
			got, err := newRingba(t).Ping(t.Context(), p)
			if err == nil || err.Error() != c.err || got.Code != c.code || got.Accepted {
				t.Errorf("got %+v, %v", got, err)
			}
			if len(got.Raw) > auction.MaxRaw {
				t.Errorf("recorded %d bytes", len(got.Raw))
			}
		})
	}
}

func TestPrivateAddress(t *testing.T) {
	t.Parallel()
	c, err := connector.New(connector.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	url := endpoint(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	got, err := (&dialect.Ringba{Client: c}).Ping(context.Background(), ping(url))
	if err == nil || got.Code != "blocked_address" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// wire serves one connection with bytes that net/http would not write.
func wire(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}
