package dialect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/delivery/connector"
)

// Ringba asks endpoints that speak the Ringba format; it is an auction.Bidder.
//
// The bidder's address is the whole credential. Where it holds "{token}", the
// document's token is put there, so that it need not stand in the address; it is
// never recorded. An address ending in .xml is asked and answers in XML, any
// other in JSON. A SIP address is asked for (sipOk) unless the bidder's fields
// name sipOk, in which case that fact decides.
type Ringba struct {
	// Client makes the requests. It must not be nil.
	Client *connector.Client
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Ping asks for a bid and reads the answer. An error means that no answer came
// or that it was not understood; the Reply then has a Code that says why:
// "timeout", "too_large", "truncated", "redirect", "encoded", "http_503",
// "not_understood", "incomplete" and the other codes of package connector.
func (r *Ringba) Ping(ctx context.Context, p auction.Ping) (auction.Reply, error) {
	q, asXML := question(p)
	contentType, body := EncodeRequest(q, asXML)
	out := auction.Reply{Request: text("POST " + hideQuery(p.Bidder.URL) + "\n" + string(body))}
	asked := r.now()
	res, err := r.Client.Do(ctx, connector.Request{
		Method: http.MethodPost,
		URL:    strings.ReplaceAll(p.Bidder.URL, "{token}", url.PathEscape(p.Bidder.Token.Reveal())),
		Header: http.Header{"Content-Type": {contentType}, "Accept": {contentType}},
		Body:   body, Timeout: p.Bidder.Timeout.Or(ringbid.DefaultPingTimeout),
		Idempotent: true, // a repeated question returns the same bid
	})
	out.Status, out.Raw = res.Status, text(string(res.Body))
	if err != nil {
		out.Code = "failed"
		if e, ok := errors.AsType[*connector.Error](err); ok {
			out.Code = string(e.Code)
		}
		return out, err
	}
	return understand(out, res.Body, asked)
}

func (r *Ringba) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// question makes the request for a ping, and says whether it is written in XML.
func question(p auction.Ping) (q Request, asXML bool) {
	q = Request{CallID: p.CallID, Tags: p.Fields(), SIP: true}
	if p.Caller != "" && !p.Bidder.HideCaller {
		q.Caller, q.ExposeCaller = p.Caller, true
	}
	for theirs := range p.Bidder.Fields {
		if strings.EqualFold(theirs, "sipOk") {
			q.SIP = false
		}
	}
	if u, err := url.Parse(p.Bidder.URL); err == nil {
		asXML = strings.HasSuffix(strings.ToLower(u.Path), ".xml")
	}
	return q, asXML
}

// understand turns an answer into a Reply.
func understand(out auction.Reply, body []byte, asked time.Time) (auction.Reply, error) {
	sound := out.Status >= 200 && out.Status < 300
	if out.Status == http.StatusNoContent {
		out.Code, out.Reason = "no_content", "answered with nothing"
		return out, nil
	}
	b, err := DecodeBid(body)
	if !sound && (err != nil || b.Reject == "") {
		out.Code = fmt.Sprintf("http_%d", out.Status)
		return out, ringbid.Errorf(ringbid.Unavailable, "answered with status %d", out.Status)
	}
	if err != nil {
		out.Code = "not_understood"
		return out, err
	}
	out.BidID, out.Amount = b.ID, b.Amount
	switch {
	case b.Reject != "":
		out.Code, out.Reason = b.RejectCode(), text(b.Reject)
		if out.Code == "" {
			out.Code = "rejected"
		}
		return out, nil
	case b.Amount == 0:
		out.Code, out.Reason = "no_amount", "offers nothing"
		return out, nil
	}
	if missing := lacks(b); missing != "" {
		out.Code = "incomplete"
		return out, ringbid.Errorf(ringbid.Invalid, "answer is no bid: it has no %s", missing)
	}
	if out.User = b.user(); out.User == "" {
		out.Code = "incomplete"
		return out, ringbid.Errorf(ringbid.Invalid, "answer is no bid: its destination cannot be dialled")
	}
	out.Accepted = true
	// Counted from the question, by our clock: the bidder's may be wrong.
	out.Expires = asked.Add(b.ExpireIn)
	if b.Cached() {
		out.Reason = "the bidder repeats an earlier bid"
	}
	return out, nil
}

// lacks names what an answer needs to be a bid and does not have.
func lacks(b Bid) string {
	switch {
	case b.ID == "":
		return "bidId"
	case b.Phone == "" && b.SIP == "":
		return "phoneNumber or sipAddress"
	case b.ExpireIn <= 0:
		return "time left"
	}
	return ""
}

// user returns what to dial: the user of the SIP address, else the number; ""
// where neither can stand in a SIP URI.
func (b Bid) user() string {
	if b.SIP != "" {
		user, _, _ := strings.Cut(b.SIP, "@")
		if ringbid.SIPUser(user) {
			return user
		}
		return ""
	}
	if p, err := ringbid.ParsePhone(b.Phone); err == nil {
		return string(p)
	}
	return ""
}

// hideQuery takes the query off an address before it is recorded.
func hideQuery(address string) string {
	if before, _, ok := strings.Cut(address, "?"); ok {
		return before + "?…"
	}
	return address
}

// text makes bytes from outside fit to be recorded and shown.
func text(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), auction.MaxRaw)], "�")
	s = strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, s)
	return strings.TrimSpace(s)
}
