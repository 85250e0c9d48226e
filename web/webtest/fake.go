package webtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
	"github.com/ringbid/ringbid/web/portal"
)

// Fake is an installation in memory. It satisfies what the pages ask for.
type Fake struct {
	mu       sync.Mutex
	book     *ringbid.Book
	calls    []ringbid.Call
	sessions map[string]string
	said     map[string]portal.Disposition
	presence map[string]string
	popped   map[string]bool
	hungUp   []string
	inbox    *Inbox
	desk     *LeadDesk
	wav      []byte
	wave     [2][]uint8
}

// NewFake makes the installation as it is at the moment now.
func NewFake(now time.Time) *Fake {
	b, _ := ringbid.NewBook(documents())
	b.Revision, b.FlowVersions = 42, map[string]int{"auto": 7, "roof": 2}
	f := &Fake{book: b, calls: calls(now), sessions: map[string]string{}, said: map[string]portal.Disposition{}, presence: map[string]string{}, popped: map[string]bool{}}
	f.inbox = NewInbox(now)
	f.desk = NewLeadDesk(now, b)
	f.wav, f.wave = sound(209_110, 4000)
	return f
}

// Empty makes an installation in which nothing was configured but one operator.
func Empty() *Fake {
	b, _ := ringbid.NewBook(users()[:1])
	return &Fake{book: b, sessions: map[string]string{}, said: map[string]portal.Disposition{}, presence: map[string]string{}, popped: map[string]bool{}, inbox: &Inbox{}, desk: EmptyLeadDesk(b)}
}

// Inbox returns the buyers' leads.
func (f *Fake) Inbox() *Inbox { return f.inbox }

// Desk returns the operator's side of data leads.
func (f *Fake) Desk() *LeadDesk { return f.desk }

// Book returns the configuration.
func (f *Fake) Book() *ringbid.Book { return f.book }

// All returns every call, newest first.
func (f *Fake) All() []ringbid.Call { return f.calls }

// Authenticate knows every user of the Book by the one Password.
func (f *Fake) Authenticate(_ context.Context, name, password, _ string) (*ringbid.User, error) {
	u := f.book.Users[name]
	if u == nil || u.Disabled || password != Password {
		return nil, ringbid.Errorf(ringbid.Denied, "name and password do not belong together")
	}
	return u, nil
}

// NewSession begins a session.
func (f *Fake) NewSession(_ context.Context, u *ringbid.User) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := ringbid.NewID()
	f.sessions[t] = u.Name
	return t, nil
}

// Session returns whose session it is.
func (f *Fake) Session(_ context.Context, token string) (*ringbid.User, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.book.Users[f.sessions[token]]
	if u == nil {
		return nil, "", ringbid.Errorf(ringbid.Denied, "no such session")
	}
	sum := sha256.Sum256([]byte("csrf " + token))
	return u, hex.EncodeToString(sum[:16]), nil
}

// EndSession ends a session.
func (f *Fake) EndSession(_ context.Context, token string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, token)
	return nil
}

// Calls returns a page of the calls that match.
func (f *Fake) Calls(_ context.Context, q web.Filter) (web.Listing, error) {
	all := f.matching(q)
	slices.SortStableFunc(all, func(a, b ringbid.Call) int {
		switch q.Sort {
		case "oldest":
			return a.Received.Compare(b.Received)
		case "longest":
			return cmp.Compare(b.ConnectedMS, a.ConnectedMS)
		case "revenue":
			return cmp.Compare(b.Sale.Revenue, a.Sale.Revenue)
		}
		return b.Received.Compare(a.Received)
	})
	l := web.Listing{Total: sum(all)}
	from := 0
	if q.Cursor != "" {
		n, err := strconv.Atoi(q.Cursor)
		if err != nil || n < 0 {
			return l, ringbid.FieldError("cursor", "%.40q is not a cursor", q.Cursor)
		}
		from = n
	}
	from = min(from, len(all))
	to := min(from+max(q.Limit, 1), len(all))
	l.Calls = all[from:to]
	if to < len(all) {
		l.Next = strconv.Itoa(to)
	}
	return l, nil
}

func (f *Fake) matching(q web.Filter) []ringbid.Call {
	var out []ringbid.Call
	for _, c := range f.calls {
		text := strings.ToLower(c.ID + c.CallerName + c.Reason.Text + c.Tags["zip"])
		if (q.From.IsZero() || !c.Received.Before(q.From)) && (q.To.IsZero() || c.Received.Before(q.To)) &&
			(q.Number == "" || c.Number == q.Number) && strings.Contains(string(c.Caller), q.Caller) &&
			(q.Campaign == "" || c.Campaign == q.Campaign) && (q.Publisher == "" || c.Publisher == q.Publisher) &&
			(q.Buyer == "" || c.Buyer == q.Buyer) && (q.Outcome == "" || c.Outcome == q.Outcome) &&
			strings.Contains(text, strings.ToLower(q.Text)) {
			out = append(out, c)
		}
	}
	return out
}

func sum(calls []ringbid.Call) web.Figures {
	s := web.Figures{Currency: "USD"}
	for _, c := range calls {
		s.Calls++
		if slices.ContainsFunc(c.Legs, func(l ringbid.Leg) bool { return l.Side == "buyer" }) || c.Outcome == ringbid.OutcomeBridged {
			s.Dialled++
		}
		if c.Outcome == ringbid.OutcomeBridged {
			s.Connected++
		}
		if c.Sale.Converted {
			s.Converted++
		}
		s.ConnectedMS += c.ConnectedMS
		s.Revenue += c.Sale.Revenue
		s.Payout += c.Sale.Payout
	}
	return s
}

// Call returns one call.
func (f *Fake) Call(_ context.Context, id string) (*ringbid.Call, error) {
	for i := range f.calls {
		if f.calls[i].ID == id {
			c := f.calls[i]
			return &c, nil
		}
	}
	return nil, ringbid.Errorf(ringbid.NotFound, "there is no call %.40q", id)
}

// Figures sums the calls that match.
func (f *Fake) Figures(_ context.Context, q web.Filter) (web.Figures, error) {
	return sum(f.matching(q)), nil
}

// Groups sums the calls that match by one of their names.
func (f *Fake) Groups(_ context.Context, q web.Filter, by string) ([]web.Group, error) {
	rows := map[string][]ringbid.Call{}
	for _, c := range f.matching(q) {
		name := map[string]string{"campaign": c.Campaign, "publisher": c.Publisher, "buyer": c.Buyer}[by]
		rows[name] = append(rows[name], c)
	}
	var out []web.Group
	for name, calls := range rows {
		out = append(out, web.Group{Name: name, Figures: sum(calls)})
	}
	slices.SortFunc(out, func(a, b web.Group) int {
		return cmp.Or(cmp.Compare(b.Revenue, a.Revenue), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

type noClose struct{ *bytes.Reader }

func (noClose) Close() error { return nil }

// Open returns the sound of the rich call.
func (f *Fake) Open(_ context.Context, id string) (io.ReadSeekCloser, error) {
	if id != RichID {
		return nil, ringbid.Errorf(ringbid.NotFound, "call %.40q was not recorded", id)
	}
	return noClose{bytes.NewReader(f.wav)}, nil
}

// Capture returns a capture without packets of the rich call.
func (f *Fake) Capture(id string) (io.ReadSeekCloser, error) {
	if id != RichID {
		return nil, ringbid.Errorf(ringbid.NotFound, "call %.40q was not captured", id)
	}
	return noClose{bytes.NewReader([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x65\x00\x00\x00"))}, nil
}

// Waveform returns the peaks of the rich call's sound.
func (f *Fake) Waveform(_ context.Context, id string, _ int) ([2][]uint8, error) {
	if id != RichID {
		return [2][]uint8{}, ringbid.Errorf(ringbid.NotFound, "call %.40q was not recorded", id)
	}
	return f.wave, nil
}

// Dispose keeps an agent's word.
func (f *Fake) Dispose(_ context.Context, d portal.Disposition) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said[d.User+" "+d.CallID] = d
	return nil
}

// Disposed returns a user's words.
func (f *Fake) Disposed(_ context.Context, user string, calls []string) (map[string]portal.Disposition, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]portal.Disposition{}
	for _, c := range calls {
		if d, ok := f.said[user+" "+c]; ok {
			out[c] = d
		}
	}
	return out, nil
}

// Presence returns whether an agent is ready.
func (f *Fake) Presence(user string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cmp.Or(f.presence[user], "away")
}

// SetPresence says whether an agent is ready.
func (f *Fake) SetPresence(user, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.presence[user] = state
}

// Popped reports no pops: dispositions go by the buyer of the call.
func (f *Fake) Popped(string, string) bool { return false }

// Hangup ends the calls of the board, and none of the stored ones.
func (f *Fake) Hangup(id string, _ ringbid.Reason) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hungUp = append(f.hungUp, id)
	return strings.HasPrefix(id, "live-") || strings.HasSuffix(id, "-000000000032")
}

// Supervise takes every order about the calls it knows.
func (f *Fake) Supervise(id string, _ ringbid.Supervision) error { return f.ordered(id) }

// Send takes every order about the calls it knows.
func (f *Fake) Send(id, _, _ string) error { return f.ordered(id) }

func (f *Fake) ordered(id string) error {
	if _, err := f.Call(context.Background(), id); err != nil {
		return ringbid.Errorf(ringbid.Conflict, "the call is not up any more")
	}
	return nil
}

// Usage fills one cap.
func (f *Fake) Usage(context.Context) ([]console.Usage, error) {
	t := f.book.Targets["keystone-agents"]
	if t == nil {
		return nil, nil
	}
	return []console.Usage{{Target: t.Name, Cap: t.Caps[0], Used: 187}, {Target: t.Name, Cap: t.Caps[1], Used: int64(dollars(4106))}}, nil
}
