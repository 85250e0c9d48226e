package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
)

// met is what an honest client makes of a fault.
type met struct {
	status int
	header http.Header
	body   []byte
	err    error
	late   bool
}

func meet(t *testing.T, c *http.Client, where, contentType, body string, limit time.Duration) met {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return meetUntil(ctx, t, c, where, contentType, body)
}

// onceSeen returns a context that ends a while after the buyer has noted its
// first lead, however long that took to get there.
func onceSeen(t *testing.T, b *LeadBuyers, name string, after time.Duration) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for len(b.Leads(name)) == 0 {
			select {
			case <-look.C:
			case <-t.Context().Done():
				return
			}
		}
		<-time.NewTimer(after).C
	}()
	return ctx
}

func meetUntil(ctx context.Context, t *testing.T, c *http.Client, where, contentType, body string) met {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := c.Do(req)
	if err != nil {
		return met{err: err, late: ctx.Err() != nil}
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 20<<20))
	return met{res.StatusCode, res.Header, got, err, ctx.Err() != nil}
}

// TestLeadFaults has an honest client see each fault for what it is, and holds
// the buyer's own account of it against the table.
func TestLeadFaults(t *testing.T) {
	t.Parallel()
	b := leadBuyers(t, LeadBuyersConfig{})
	says := func(status int, texts ...string) func(met) bool {
		return func(m met) bool {
			for _, s := range texts {
				if !strings.Contains(string(m.body), s) {
					return false
				}
			}
			return m.status == status && m.err == nil
		}
	}
	sound := says(200, `"status":"accepted"`, `"price":"12.50"`)
	lost := func(m met) bool { return m.status == 0 && m.err != nil && !m.late }
	checks := map[LeadFault]func(met) bool{
		LeadFault400: says(400), LeadFault401: says(401), LeadFault403: says(403), LeadFault404: says(404), LeadFault409: says(409, "duplicate"),
		LeadFault422: says(422, "zip"), LeadFault500: says(500), LeadFault502: says(502, "<html>"), LeadFault504: says(504, "<html>"),
		LeadFault429:       func(m met) bool { return says(429)(m) && m.header.Get("Retry-After") == "1" },
		LeadFault503:       func(m met) bool { return says(503)(m) && m.header.Get("Retry-After") == "1" },
		LeadFault503Plain:  func(m met) bool { return says(503)(m) && m.header.Get("Retry-After") == "" },
		LeadFaultPaid500:   says(500, `"status":"accepted"`),
		LeadFaultRefuse200: says(200, `"status":"rejected"`),
		LeadFaultTimeout:   func(m met) bool { return m.late && m.status == 0 },
		LeadFaultDrop:      lost,
		LeadFaultReset:     lost,
		LeadFaultCut: func(m met) bool {
			return m.err != nil && !m.late && bytes.HasPrefix(m.body, []byte(`{"status":`)) && !bytes.Contains(m.body, []byte("}"))
		},
		LeadFaultCutAfter: func(m met) bool { return sound(m) },
		LeadFaultLying: func(m met) bool {
			return errors.Is(m.err, io.ErrUnexpectedEOF) && sound(met{m.status, nil, m.body, nil, false})
		},
		LeadFaultChunks: func(m met) bool {
			return m.status == 200 && m.err != nil && !m.late && len(m.body) > 0 && !bytes.Contains(m.body, []byte("}"))
		},
		LeadFaultEndless: func(m met) bool {
			return m.late && m.status == 200 && bytes.HasPrefix(m.body, []byte(`{"status":"accepted"`))
		},
		LeadFaultHuge:    func(m met) bool { return sound(m) && len(m.body) > 16<<20 },
		LeadFaultHeaders: func(m met) bool { return sound(m) && len(m.header) > 100 },
		LeadFaultGzip: func(m met) bool {
			return m.status == 200 && len(m.body) > 100_000 && m.body[0] == 0x1f && m.header.Get("Content-Encoding") == "gzip"
		},
		LeadFaultEntities: says(200, "<!ENTITY e9", "<status>accepted</status>", "&e9;"),
		LeadFaultPage: func(m met) bool {
			return says(200, "<h1>")(m) && strings.HasPrefix(m.header.Get("Content-Type"), "text/html")
		},
		LeadFaultEmpty:        func(m met) bool { return says(200)(m) && len(m.body) == 0 },
		LeadFaultGarbage:      says(200, "}}}"),
		LeadFaultRedirect:     func(m met) bool { return says(302)(m) && m.header.Get("Location") == "http://10.1.2.3/" },
		LeadFaultRedirectLoop: func(m met) bool { return says(307)(m) && m.header.Get("Location") == "/post/redirect-loop" },
		LeadFaultLatin1: func(m met) bool {
			return sound(m) && !utf8.Valid(m.body) && strings.Contains(m.header.Get("Content-Type"), "ISO-8859-1") && bytes.Contains(m.body, []byte("Montr\xe9al"))
		},
		LeadFaultUndeclared: func(m met) bool {
			return sound(m) && !utf8.Valid(m.body) && m.header.Get("Content-Type") == "application/json"
		},
		LeadFaultDouble:  says(200, `"status":"rejected"`, `"status":"accepted"`),
		LeadFaultStrings: says(200, `"accepted":"true"`, `"price":"12.5"`),
	}
	for f, facts := range leadFaults() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if f == LeadFaultTimeout || f == LeadFaultEndless {
				ctx = onceSeen(t, b, string(f), 500*time.Millisecond)
			}
			c, check := poster(t), checks[f] // a client of its own: others' connections end
			if check == nil {
				t.Fatal("nobody checks it")
			}
			m := meetUntil(ctx, t, c, b.URL(string(f)), "application/json", aLead("k"))
			if !check(m) {
				t.Errorf("status %d, %d bytes, late %v, %v: %.200s", m.status, len(m.body), m.late, m.err, m.body)
			}
			seen := b.Leads(string(f))
			want := LeadSeen{Kept: facts.kept, Status: facts.status, Fault: f, Key: "k"}
			got := LeadSeen{}
			if len(seen) == 1 {
				got = LeadSeen{Kept: seen[0].Kept, Status: seen[0].Status, Fault: seen[0].Fault, Key: seen[0].Key}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || m.status != 0 && m.status != facts.status || (b.Kept(string(f), "k") == 1) != facts.kept {
				t.Errorf("seen %+v, want %+v", got, want)
			}
		})
	}
	if len(checks) != len(LeadFaults()) {
		t.Errorf("%d checks for %d faults", len(checks), len(LeadFaults()))
	}
}

// TestLeadFaultsOfPings answers pings in the same ways, and XML in kind.
func TestLeadFaultsOfPings(t *testing.T) {
	t.Parallel()
	names := map[string]LeadBuying{"x": {Least: 1, PingFault: LeadFaultCut}, "y": {Least: 1, PingFault: LeadFaultRefuse200}}
	b, c := leadBuyers(t, LeadBuyersConfig{Names: names}), poster(t)
	if m := meet(t, c, b.PingURL("x"), "application/json", "{}", 5*time.Second); m.err == nil {
		t.Errorf("%+v", m)
	}
	m := meet(t, c, b.PingURL("y"), "text/xml", "<a/>", 5*time.Second)
	if m.err != nil || !strings.Contains(string(m.body), "<response><status>rejected</status>") {
		t.Errorf("%v %s", m.err, m.body)
	}
}

// TestLeadFaultsByPreset has the platform's own exchange meet each fault: what it
// calls accepted was kept, what it calls rejected was not.
func TestLeadFaultsByPreset(t *testing.T) {
	t.Parallel()
	b := leadBuyers(t, LeadBuyersConfig{})
	want := map[LeadFault]connector.Class{
		"fast": connector.ClassAccepted, "reject": connector.ClassRejected, LeadFaultLatin1: connector.ClassAccepted,
		LeadFaultUndeclared: connector.ClassAccepted, LeadFaultStrings: connector.ClassAccepted, LeadFaultRefuse200: connector.ClassRejected,
		LeadFault401: connector.ClassAuth, LeadFault409: connector.ClassRejected, LeadFault429: connector.ClassThrottled,
		LeadFault500: connector.ClassServer, LeadFault503: connector.ClassThrottled, LeadFault504: connector.ClassAmbiguous,
		LeadFaultReset: connector.ClassAmbiguous, LeadFaultCut: connector.ClassAmbiguous, LeadFaultTimeout: connector.ClassAmbiguous,
		LeadFaultDouble: connector.ClassAmbiguous, LeadFaultEntities: connector.ClassAmbiguous,
	}
	for _, f := range append(LeadFaults(), "fast", "reject") {
		plan := presetPlan(t, "json-post", func(x *connector.Exchange) {
			x.Settings["url"], x.Timeout = b.URL(string(f)), ringbid.Duration(5*time.Second)
			if f == LeadFaultTimeout || f == LeadFaultEndless {
				x.Timeout = ringbid.Duration(100 * time.Millisecond)
			}
		})
		out := sender(t, nil).Send(t.Context(), plan, leadAsk("k"))
		kept := b.Kept(string(f), "k") > 0
		if out.Class == connector.ClassAccepted && (!kept || out.Price == nil || out.ID == "") || out.Class == connector.ClassRejected && kept {
			t.Errorf("%s: kept %v, %+v", f, kept, out)
		}
		if want[f] != "" && out.Class != want[f] {
			t.Errorf("%s: %s, not %s", f, out.Class, want[f])
		}
	}
}
