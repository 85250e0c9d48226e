package sim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction/dialect"
)

func bidders(t *testing.T, c BiddersConfig) *Bidders {
	t.Helper()
	b, err := NewBidders(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, b.Close) })
	return b
}

// pinged asks a bidder as a platform would and reads at most a megabyte.
func pinged(t *testing.T, where string, timeout time.Duration) (int, []byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where+"?CID=13105550123&zipcode=90210&sipOk=yes", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, body, err
}

func TestBiddersBid(t *testing.T) {
	t.Parallel()
	b := bidders(t, BiddersConfig{SIP: "127.0.0.1:5099"})
	for name, x := range map[string]struct {
		least, most string
		user, code  string
		after       time.Duration
	}{
		"good":   {"36", "52", "answer.", "", 0},
		"slow":   {"25", "33", "answer.", "", 900 * time.Millisecond},
		"busy":   {"62", "62", "busy.", "", 0},
		"reject": {"0", "0", "", "1004", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first dialect.Bid
			for _, where := range []string{b.URL(name), strings.TrimSuffix(b.URL(name), "json") + "xml"} {
				began := time.Now()
				_, body, err := pinged(t, where, 5*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < x.after {
					t.Errorf("answered after %s", took)
				}
				bid, err := dialect.DecodeBid(body)
				if err != nil {
					t.Fatalf("%v: %s", err, body)
				}
				least, _ := ringbid.ParseMoney(x.least)
				most, _ := ringbid.ParseMoney(x.most)
				wantSIP := ""
				if x.user != "" {
					wantSIP = x.user + bid.ID + "@127.0.0.1:5099"
				}
				if bid.Amount < least || bid.Amount > most || bid.RejectCode() != x.code || bid.Accepted() != (x.code == "") || bid.SIP != wantSIP {
					t.Errorf("%s", body)
				}
				if first.ID != "" && (bid.Amount != first.Amount || bid.ID == first.ID) {
					t.Errorf("asked again: %s, first %s", bid.Amount, first.Amount)
				}
				first = bid
			}
		})
	}
}

func TestBiddersRemember(t *testing.T) {
	t.Parallel()
	b := bidders(t, BiddersConfig{})
	_, body, err := pinged(t, b.URL("good"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	bid, err := dialect.DecodeBid(body)
	if err != nil {
		t.Fatal(err)
	}
	asked := b.Asked()
	if len(asked) != 1 {
		t.Fatalf("asked %d times", len(asked))
	}
	got := []string{asked[0].Name, string(asked[0].Request.Caller), asked[0].Request.Tag("ZIPCODE"), asked[0].Amount.String(), asked[0].BidID}
	if diff := cmp.Diff([]string{"good", "+13105550123", "90210", bid.Amount.String(), bid.ID}, got); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]int{"/": 404, "/v1/production/none.json": 404, "/v1/production/good.txt": 404, "/v1/x/good.json": 404} {
		if status, _, err := pinged(t, "http://"+b.Addr()+path, 5*time.Second); err != nil || status != want {
			t.Errorf("%s: %d %v", path, status, err)
		}
	}
}

// TestFaults has an honest client see each fault for what it is.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := bidders(t, BiddersConfig{})
	timeout := func(err error) bool {
		var u *url.Error
		return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &u) && u.Timeout()
	}
	for name, sound := range map[string]func(status int, body []byte, err error) bool{
		"late":    func(_ int, _ []byte, err error) bool { return timeout(err) },
		"trickle": func(_ int, _ []byte, err error) bool { return timeout(err) },
		"huge":    func(status int, body []byte, err error) bool { return status == 200 && len(body) == 1<<20 },
		"garbage": func(status int, body []byte, _ error) bool {
			return status == 200 && strings.HasPrefix(string(body), "<html>")
		},
		"empty":    func(status int, body []byte, err error) bool { return status == 200 && len(body) == 0 && err == nil },
		"redirect": func(status int, _ []byte, err error) bool { return status == 302 && err == nil },
		"status": func(status int, body []byte, _ error) bool {
			return status == 500 && strings.Contains(string(body), "bidId")
		},
		"lying": func(_ int, body []byte, err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) && len(body) > 0 },
		"cut":   func(_ int, _ []byte, err error) bool { return err != nil && !timeout(err) },
		"gzip": func(status int, body []byte, _ error) bool {
			return status == 200 && len(body) > 100_000 && body[0] == 0x1f
		},
		"negative": func(_ int, body []byte, _ error) bool {
			bid, err := dialect.DecodeBid(body)
			return err == nil && bid.Amount < 0
		},
		"price": func(_ int, body []byte, _ error) bool {
			bid, err := dialect.DecodeBid(body)
			return err == nil && bid.Amount == 1_000_000*ringbid.MoneyScale
		},
		"expired": func(_ int, body []byte, _ error) bool {
			bid, err := dialect.DecodeBid(body)
			return err == nil && !bid.Accepted()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := 20 * time.Second
			if name == "late" || name == "trickle" {
				limit = 400 * time.Millisecond
			}
			status, body, err := pinged(t, b.URL(name), limit)
			if !sound(status, body, err) {
				t.Errorf("status %d, %d bytes, %v: %.80s", status, len(body), err, body)
			}
		})
	}
}

// TestCloseWhileAnswering does not wait for a bidder that takes its time.
func TestCloseWhileAnswering(t *testing.T) {
	t.Parallel()
	b, err := NewBidders(BiddersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	asking := make(chan error, 1)
	go func() {
		_, _, err := pinged(t, b.URL("late"), time.Minute)
		asking <- err
	}()
	until(t, "it is asked", func() bool { return len(b.Asked()) == 1 })
	began := time.Now()
	closing(t, b.Close)
	closing(t, b.Close)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %s", took)
	}
	<-asking
}
