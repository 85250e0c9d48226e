package trade

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/store"
)

// letter is a letter as its reader has it.
type letter struct {
	to, subject, text string
	files             map[string]string
}

// opened reads a letter that a post office took.
func opened(t *testing.T, raw string) letter {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	l := letter{to: m.Header.Get("To"), subject: subject, files: map[string]string{}}
	l.part(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), "", m.Body)
	return l
}

func (l *letter) part(t *testing.T, kind, encoding, file string, body io.Reader) {
	t.Helper()
	what, params, err := mime.ParseMediaType(kind)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(what, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			l.part(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.FileName(), p)
		}
	}
	switch encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	switch {
	case err != nil:
		t.Fatal(err)
	case file != "":
		l.files[file] = string(text)
	case what == "text/plain":
		l.text = string(text)
	}
}

// mailer sends by the post office.
func (p *postOffice) mailer(t *testing.T) *email.Mailer {
	t.Helper()
	m, err := email.New(email.Config{URL: "smtp://" + p.addr, From: "leads@ringbid.example", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newspaper is a method that gathers leads into a letter.
func newspaper(name, digest string) *ringbid.Method {
	return &ringbid.Method{Name: name, Type: "email", Email: &ringbid.EmailForm{To: []string{name + "@acme.example"}, Digest: digest}}
}

// mailed opens a rig with a post office at the moment, and one buyer who reads
// the newspaper.
func mailed(t *testing.T, now time.Time, paper *ringbid.Method, more ...ringbid.Document) (*rig, *postOffice) {
	t.Helper()
	post := newPost(t)
	r := openRig(t, parts{clock: &clock{now: now}, mailer: post.mailer(t)})
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", paper), more)...)
	return r, post
}

// digest sends what is due and returns the letters that went out.
func (r *rig) digest(post *postOffice) []letter {
	r.t.Helper()
	if err := r.Engine.SendDigests(r.t.Context(), digests{r.store}); err != nil {
		r.t.Fatal(err)
	}
	var out []letter
	for _, raw := range post.letters() {
		out = append(out, opened(r.t, raw))
	}
	return out
}

// TestHourlyDigest gathers an hour's leads into one letter, and the next hour's
// into the next.
func TestHourlyDigest(t *testing.T) {
	t.Parallel()
	paper := newspaper("hourly", "hourly")
	paper.Title, paper.Email.Attach = "Acme leads", "csv"
	r, post := mailed(t, time.Date(2027, 3, 1, 10, 5, 0, 0, time.UTC), paper)
	var names []string
	for _, pause := range []time.Duration{0, 30 * time.Minute, 24*time.Minute + 59*time.Second} {
		r.clock.advance(pause)
		l := r.settle(r.post(person(), "").LeadID)
		names = append(names, l.Facts["last_name"])
		if d := l.Deliveries[0]; l.State != ringbid.LeadSold || d.Reason != "goes with the letter of 2027-03-01T11:00:00Z" || len(d.Tries) != 1 {
			t.Errorf("%s", asJSON(l))
		}
	}
	if got := r.digest(post); len(got) != 0 {
		t.Errorf("before the hour: %+v", got)
	}
	r.clock.advance(time.Second) // 11:00:00
	late := r.settle(r.post(person(), "").LeadID)
	got := r.digest(post)
	if len(got) != 1 {
		t.Fatalf("%d letters", len(got))
	}
	l := got[0]
	if l.to != "<hourly@acme.example>" || l.subject != "3 new leads: Acme leads" || len(l.files) != 1 {
		t.Errorf("%+v", l)
	}
	for _, n := range names {
		for file, text := range l.files {
			if !strings.Contains(l.text, n) || !strings.Contains(text, n) {
				t.Errorf("%s is missing in the letter or in %s", n, file)
			}
		}
	}
	if strings.Contains(l.text, late.Facts["last_name"]+" ") {
		t.Error("the next hour's lead is in it")
	}
	if got := r.digest(post); len(got) != 0 {
		t.Errorf("once more: %+v", got)
	}
	r.clock.advance(time.Hour)
	if got := r.digest(post); len(got) != 1 || !strings.Contains(got[0].text, late.Facts["last_name"]) || got[0].subject != "1 new lead: Acme leads" {
		t.Errorf("an hour later: %+v", got)
	}
	if n := r.rows()["digests"]; n != 0 {
		t.Errorf("%d leads wait still", n)
	}
	r.balanced()
}

// TestDailyDigest comes at its hour on the reader's clock, on the days when the
// clocks change as well.
func TestDailyDigest(t *testing.T) {
	t.Parallel()
	post := newPost(t)
	r := newRig(t, post.mailer(t), nil)
	for name, c := range map[string]struct {
		zone, now, due string
		at             int
	}{
		"today":                    {"", "2027-03-01T06:59:59Z", "2027-03-01T07:00:00Z", 7},
		"tomorrow":                 {"", "2027-03-01T07:00:00Z", "2027-03-02T07:00:00Z", 7},
		"midnight":                 {"", "2027-02-28T23:59:59Z", "2027-03-01T00:00:00Z", 0},
		"west of here":             {"America/Los_Angeles", "2027-03-01T15:30:00Z", "2027-03-01T16:00:00Z", 8},
		"east of here":             {"Asia/Kolkata", "2027-03-01T03:00:00Z", "2027-03-02T02:30:00Z", 8},
		"before the clocks":        {"America/New_York", "2027-03-13T12:59:59Z", "2027-03-13T13:00:00Z", 8},
		"a day of 23 hours":        {"America/New_York", "2027-03-13T13:00:00Z", "2027-03-14T12:00:00Z", 8},
		"a day of 25 hours":        {"America/New_York", "2027-11-06T12:00:00Z", "2027-11-07T13:00:00Z", 8},
		"an hour that is not":      {"America/New_York", "2027-03-14T05:00:00Z", "2027-03-14T07:00:00Z", 2},
		"after it":                 {"America/New_York", "2027-03-14T07:00:00Z", "2027-03-15T06:00:00Z", 2},
		"an hour that comes twice": {"America/New_York", "2027-11-07T05:00:00Z", "2027-11-08T06:00:00Z", 1},
		"the day before it":        {"America/New_York", "2027-11-07T04:59:59Z", "2027-11-07T05:00:00Z", 1},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		r.clock.set(now)
		docs := named(name, basics(name))
		paper := newspaper(docs[2].(*ringbid.Source).Name, "daily")
		paper.Email.Zone, paper.Email.At = c.zone, c.at
		campaign(docs).Routes[0].Target = paper.Name
		r.publish(slices.Concat(docs, buyer(paper.Name, "20.00", paper))...)
		r.settle(r.sendTo(paper.Name, person()).LeadID)
		due := ask[time.Time](r, `SELECT due FROM digests`).UTC()
		if got := due.Format(time.RFC3339); got != c.due {
			t.Errorf("%s: due %s, want %s", name, got, c.due)
		}
		r.clock.set(due.Add(-time.Microsecond))
		if got := r.digest(post); len(got) != 0 {
			t.Errorf("%s: too early: %+v", name, got)
		}
		r.clock.set(due)
		if got := r.digest(post); len(got) != 1 {
			t.Errorf("%s: %d letters", name, len(got))
		}
	}
}

// TestDigestIsNotLost keeps leads on the list while the server is away, and does
// not send a letter twice that it may have.
func TestDigestIsNotLost(t *testing.T) {
	t.Parallel()
	r, post := mailed(t, time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC), newspaper("hourly", "hourly"))
	for range 3 {
		r.settle(r.post(person(), "").LeadID)
	}
	r.clock.advance(time.Hour)
	for _, c := range []struct{ stage, say string }{
		{"HELLO", "421 4.3.2 closing"}, {"MAIL", "451 4.3.0 local error"}, {"MAIL", "drop"}, {"dot", "451 4.7.1 come again"},
	} {
		post.fail(c.stage, c.say)
		if err := r.Engine.SendDigests(t.Context(), digests{r.store}); err == nil {
			t.Errorf("%s %s: no error", c.stage, c.say)
		}
		if n := r.rows()["digests"]; n != 3 {
			t.Errorf("%s %s: %d of 3 leads wait", c.stage, c.say, n)
		}
		post.letters() // of a server that said no in the end
	}
	post.fail("dot", "drop")
	if got := r.digest(post); len(got) != 1 {
		t.Errorf("%d letters", len(got))
	}
	post.fail("", "")
	if got := r.digest(post); len(got) != 0 {
		t.Errorf("a letter that it may have is sent again: %+v", got)
	}
	r.settle(r.post(person(), "").LeadID)
	r.clock.advance(time.Hour)
	if got := r.digest(post); len(got) != 1 || !strings.HasPrefix(got[0].subject, "1 new lead") {
		t.Errorf("the next hour: %+v", got)
	}
}

// TestDigestRefusedForGood gives a letter up that nobody takes: its leads are for
// a person to see, and go out when that one says so.
func TestDigestRefusedForGood(t *testing.T) {
	t.Parallel()
	r, post := mailed(t, time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC), newspaper("hourly", "hourly"))
	var ids []string
	for range 3 {
		ids = append(ids, r.settle(r.post(person(), "").LeadID).Deliveries[0].ID)
	}
	r.clock.advance(time.Hour)
	for _, c := range []struct{ stage, say string }{
		{"RCPT", "550 5.1.1 no such user"}, {"dot", "554 5.7.1 no"}, {"DATA", "552 5.3.4 too large"},
	} {
		post.fail(c.stage, c.say)
		r.digest(post)
		page, err := r.store.Exceptions(t.Context(), store.ExceptionFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if n := r.rows()["digests"]; n != 0 || len(page.Rows) != 3 {
			t.Fatalf("%s: %d wait, %d exceptions", c.say, n, len(page.Rows))
		}
		d := r.delivery(ids[0])
		if d.Code != "digest_refused" || !strings.HasPrefix(d.Reason, "its digest is refused for good: ") || d.State != ringbid.DeliveryAccepted {
			t.Errorf("%s: %s", c.say, asJSON(d))
		}
		if p := r.purchase(d.Lead); p.State != ringbid.PurchaseAccepted {
			t.Errorf("%s: the purchase is %s", c.say, p.State)
		}
		post.fail("", "")
		if got := r.digest(post); len(got) != 0 {
			t.Errorf("%s: sent unasked: %+v", c.say, got)
		}
		for _, id := range ids {
			if err := r.store.Retry(t.Context(), id, map[string]string{"last_name": "Corrected"}, "boss"); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := r.digest(post)
	if len(got) != 1 || !strings.HasPrefix(got[0].subject, "3 new leads") || !strings.Contains(got[0].text, "Corrected") {
		t.Errorf("put on the list again: %+v", got)
	}
}

// One reader who is unknown keeps nobody else from their letter, and a paused
// method sends none until it goes on.
func TestDigestsOfOthers(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC)
	var more []ringbid.Document
	names := []string{"a", "b", "c", "d", "e", "f"}
	for _, n := range names {
		more = append(append(more, named(n, basics(n))[0], named(n, basics(n))[2]), buyer(n, "9.00", newspaper(n, "hourly"))...)
	}
	r, post := mailed(t, now, newspaper("unknown", "hourly"), more...)
	for _, n := range append(names, "solar-main") {
		r.settle(r.sendTo(n, person()).LeadID)
	}
	paused := newspaper("f", "hourly")
	paused.Buyer, paused.Paused = "f", true
	r.publish(paused)
	r.clock.advance(time.Hour)
	post.refuse("unknown@")
	if err := r.Engine.SendDigests(t.Context(), digests{r.store}); err != nil {
		t.Error(err)
	}
	var got []string
	for _, raw := range post.letters() {
		got = append(got, opened(t, raw).to)
	}
	slices.Sort(got)
	if d := gocmp.Diff([]string{"<a@acme.example>", "<b@acme.example>", "<c@acme.example>", "<d@acme.example>", "<e@acme.example>"}, got); d != "" {
		t.Error(d)
	}
	if n := r.rows()["digests"]; n != 1 { // the unknown's is given up
		t.Errorf("%d leads wait", n)
	}
	paused.Paused = false
	r.publish(paused)
	post.refuse("")
	if got := r.digest(post); len(got) != 1 {
		t.Errorf("%d letters", len(got))
	}
}

// TestDigestOfTwoNodes sends a letter once, whoever looks.
func TestDigestOfTwoNodes(t *testing.T) {
	t.Parallel()
	r, post := mailed(t, time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC), newspaper("hourly", "hourly"))
	r.settle(r.post(person(), "").LeadID)
	twin := r.twin()
	r.clock.advance(time.Hour)
	var all sync.WaitGroup
	for _, node := range []*rig{r, twin, r, twin} {
		all.Go(func() {
			if err := node.Engine.SendDigests(t.Context(), digests{node.store}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := post.letters(); len(got) != 1 {
		t.Errorf("%d letters", len(got))
	}
}

// A correction made by a person is in the letter.
func TestDigestIsCorrected(t *testing.T) {
	t.Parallel()
	paper := newspaper("hourly", "hourly")
	paper.Email.Attach = "json"
	r := openRig(t, parts{clock: &clock{now: time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC)}}) // without a mail server
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", paper))...)
	l := r.settle(r.post(person(), "").LeadID)
	if l.State != ringbid.LeadUnsold || !l.Deliveries[0].Exception {
		t.Fatalf("%s", asJSON(l))
	}
	if err := r.store.Retry(t.Context(), l.Deliveries[0].ID, map[string]string{"last_name": "Corrected"}, "boss"); err != nil {
		t.Fatal(err)
	}
	post := newPost(t)
	p := r.parts
	p.mailer, p.node = post.mailer(t), "twin"
	twin := openRig(t, p)
	twin.settle(l.ID)
	r.clock.advance(time.Hour)
	got := twin.digest(post)
	if len(got) != 1 || !strings.Contains(got[0].text, "Ann Corrected") || len(got[0].files) != 1 {
		t.Fatalf("%+v", got)
	}
	for name, text := range got[0].files {
		if !strings.HasSuffix(name, ".json") || !strings.Contains(text, `"Corrected"`) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestLargeDigest has more to say than fits into a letter: it goes out as two.
func TestLargeDigest(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("gathers a hundred long leads")
	}
	paper := newspaper("hourly", "hourly")
	paper.Email.Attach = "csv"
	r, post := mailed(t, time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC), paper)
	docs := basics("acme")
	campaign(docs).Lead.Fields = append(campaign(docs).Lead.Fields, ringbid.LeadField{Name: "consent_text"})
	r.publish(docs...)
	const n = 100
	var all sync.WaitGroup
	for i, a := range r.atOnce(n, func(i int) intake.Posting {
		return intake.Posting{Way: "direct", Values: with(person(), "consent_text", fmt.Sprint(i, strings.Repeat("é", 4000)))}
	}) {
		all.Go(r.deliver(r.lead(a.LeadID).Deliveries[0].ID))
		if i%10 == 9 {
			all.Wait()
		}
	}
	all.Wait()
	r.clock.advance(time.Hour)
	counts := 0
	for range 10 {
		for _, l := range r.digest(post) {
			for _, text := range l.files {
				counts += strings.Count(text, "\r\n") - 1
			}
		}
	}
	if counts != n || r.rows()["digests"] != 0 {
		t.Errorf("%d of %d leads went out, %d wait", counts, n, r.rows()["digests"])
	}
}
