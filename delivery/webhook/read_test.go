package webhook_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/webhook"
)

func money(t *testing.T, s string) *ringbid.Money {
	t.Helper()
	m, err := ringbid.ParseMoney(s)
	if err != nil {
		t.Fatal(err)
	}
	return &m
}

func TestRead(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	proof := webhook.Proof{ID: "msg_1", At: signedAt, Bound: true}
	hashed := webhook.Proof{ID: "sha256:00", Bound: true}
	own := webhook.Rules{
		Status: "what.happened", Lead: "refs.0.ours", BuyerLead: "refs.0.theirs", Event: "meta.id", At: "meta.when|when", Amount: "sale.total", Note: "say",
		Words: map[string]string{"Closed - WON!": webhook.Converted, "assigned": "", "sold": webhook.Returned},
	}
	for name, c := range map[string]struct {
		rules      webhook.Rules
		kind, body string
		proof      webhook.Proof
		want       []webhook.Event // without Raw
	}{
		"usual": {
			webhook.Rules{}, "application/json; charset=utf-8",
			`{"lead_id":"L1","status":"Sold","event_id":"e1","occurred_at":"2026-03-04T06:06:07+01:00","amount":"38.5","note":" good\u0000 one ","version":3}`, proof,
			[]webhook.Event{{ID: "e1", LeadID: "L1", Status: webhook.Converted, At: at, Version: 3, Amount: money(t, "38.50"), Note: "good  one"}},
		},
		"nested": {
			webhook.Rules{}, "application/json",
			`{"type":"lead.status_changed","timestamp":1772600767,"data":{"lead_id":12345678901234567890,"status":"appointment set","buyer_lead_id":"B1","amount":12.3456}}`, proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "12345678901234567890", BuyerLeadID: "B1", Status: webhook.Appointment, At: at, Amount: money(t, "12.3456")}},
		},
		"event's name": {
			webhook.Rules{}, "", "\ufeff {\"leadId\":\"L1\",\"event\":\"lead.status.converted\"} ", proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "L1", Status: webhook.Converted, At: signedAt}},
		},
		"event is an object": {
			webhook.Rules{}, "application/vnd.x+json", `{"lead_id":"L1","event":{"id":1},"status":null,"data":{"status":"no answer"},"amount":null,"note":{},"version":"2.0"}`, proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "L1", Status: webhook.NoContact, At: signedAt}},
		},
		"a mere id": {
			webhook.Rules{}, "application/json", `{"lead_id":"L1","id":"7","status":"quoted","timestamp":"1772600767000"}`, hashed,
			[]webhook.Event{{ID: "7:quoted:1772600767", LeadID: "L1", Status: webhook.Quoted, At: at}},
		},
		"a mere id, no time": {
			webhook.Rules{}, "application/json", `{"lead_id":"L1","id":7,"status":"quoted"}`, hashed,
			[]webhook.Event{{ID: "7:quoted", LeadID: "L1", Status: webhook.Quoted}},
		},
		"a header beats a mere id": {
			webhook.Rules{}, "application/json", `{"lead_id":"L1","id":7,"status":"quoted"}`, proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "L1", Status: webhook.Quoted, At: signedAt}},
		},
		"no id": {
			webhook.Rules{}, "application/json", `{"buyer_lead_id":"B1","status":"dupe"}`, hashed,
			[]webhook.Event{{ID: "sha256:00", BuyerLeadID: "B1", Status: webhook.Duplicate}},
		},
		"array": {
			webhook.Rules{}, "application/json",
			`[ {"lead_id":"L1","status":"contacted"} , {"lead_id":"L2","status":"bad_number","event_id":"e2"},` + "\n" + `{"lead_id":"L3","status":"returned","id":"x","amount":-38}]`, proof,
			[]webhook.Event{
				{ID: "msg_1#0", LeadID: "L1", Status: webhook.Contacted, At: signedAt}, {ID: "e2", LeadID: "L2", Status: webhook.Invalid, At: signedAt},
				{ID: "x:returned", LeadID: "L3", Status: webhook.Returned, At: signedAt, Amount: money(t, "-38")},
			},
		},
		"same key, same value": {
			webhook.Rules{}, "application/json", `{"lead_id":"L1","status":"sold","data":{"a":[1,{"b":null}]},"data":{"a":[1,{"b":null}]},"lead_id":"L1"}`, proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "L1", Status: webhook.Converted, At: signedAt}},
		},
		"form": {
			webhook.Rules{}, "application/x-www-form-urlencoded", "lead_id=L1&status=No+Contact&note=a%26b&amount=&lead_id=L1&occurred_at=1772600767.5", proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "L1", Status: webhook.NoContact, At: at.Add(time.Second / 2), Note: "a&b"}},
		},
		"form, nested and unannounced": {
			webhook.Rules{}, "", "data%5Blead_id%5D=L1&data.status=sold", proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "L1", Status: webhook.Converted, At: signedAt}},
		},
		"own": {
			own, "application/json",
			`{"what":{"happened":"closed won"},"refs":[{"ours":"L1","theirs":"B1"}],"meta":{"id":"e9"},"when":"2026-03-04T05:06:07Z","sale":{"total":"100"},"say":"hi","status":"invalid"}`, proof,
			[]webhook.Event{{ID: "e9", LeadID: "L1", BuyerLeadID: "B1", Status: webhook.Converted, At: at, Amount: money(t, "100"), Note: "hi"}},
		},
		"own, its word for another": {
			own, "application/json", `{"what.happened":"SOLD","refs":[{"ours":"L1"}]}`, proof,
			[]webhook.Event{{ID: "msg_1", LeadID: "L1", Status: webhook.Returned, At: signedAt}},
		},
		"own, no event": {own, "application/json", `{"what":{"happened":"Assigned"}}`, proof, nil},
		"no proof at all": {
			webhook.Rules{}, "application/json", `{"lead_id":"L1","status":"sold"}`, webhook.Proof{},
			[]webhook.Event{{ID: digest(`{"lead_id":"L1","status":"sold"}`), LeadID: "L1", Status: webhook.Converted}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p := c.rules.Check(); len(p) > 0 {
				t.Fatal(p)
			}
			got, err := c.rules.Read(c.kind, []byte(c.body), c.proof)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i].Raw == "" || !strings.Contains(c.body, got[i].Raw) || len(got) > 1 && !json.Valid([]byte(got[i].Raw)) {
					t.Errorf("raw %q", got[i].Raw)
				}
				got[i].Raw = ""
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(h[:])
}

// TestReadInvalid: the error names the field, and nothing comes of the body.
func TestReadInvalid(t *testing.T) {
	t.Parallel()
	const ok = `"lead_id":"L1","status":"sold"`
	many := make([]string, 101)
	for i := range many {
		many[i] = "{" + ok + "}"
	}
	for name, c := range map[string]struct {
		rules             webhook.Rules
		kind, body, field string
		says              string
	}{
		"empty":                {webhook.Rules{}, "", " ", "body", ""},
		"large":                {webhook.Rules{}, "", `{"lead_id":"` + strings.Repeat("x", 1<<20) + `"}`, "body", ""},
		"not UTF-8":            {webhook.Rules{}, "", "{\"lead_id\":\"\xff\"}", "body", ""},
		"XML":                  {webhook.Rules{}, "text/xml", "<a/>", "content_type", "text/xml"},
		"not JSON":             {webhook.Rules{}, "application/json", "{" + ok, "body", ""},
		"not JSON either":      {webhook.Rules{}, "application/json", `{"a":}`, "body", ""},
		"a text":               {webhook.Rules{}, "application/json", `"sold"`, "body", ""},
		"something behind":     {webhook.Rules{}, "application/json", "{" + ok + "} {}", "body", ""},
		"deep":                 {webhook.Rules{}, "application/json", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}", "a.0", "deeper"},
		"very deep":            {webhook.Rules{}, "application/json", `{"a":` + strings.Repeat("[", 400_000), "a.0", "deeper"},
		"no events":            {webhook.Rules{}, "application/json", `[]`, "body", "0 events"},
		"too many events":      {webhook.Rules{}, "application/json", "[" + strings.Join(many, ",") + "]", "body", "101 events"},
		"not an object":        {webhook.Rules{}, "application/json", "[{" + ok + "},3]", "[1]", ""},
		"open array":           {webhook.Rules{}, "application/json", "[{" + ok + "}", "body", ""},
		"array, one wrong":     {webhook.Rules{}, "application/json", "[{" + ok + `},{"lead_id":"L1","status":"maybe"}]`, "[1].status", `"maybe"`},
		"array, contradiction": {webhook.Rules{}, "application/json", "[{" + ok + `},{"data":{"x":1,"x":2}}]`, "[1].data.x", "twice"},
		"no status":            {webhook.Rules{}, "", `{"lead_id":"L1"}`, "status", "missing"},
		"unknown word":         {webhook.Rules{}, "", `{"lead_id":"L1","event":"lead.frobnicated"}`, "event", "lead.frobnicated"},
		"unknown, own place":   {webhook.Rules{Status: "a.b"}, "", `{"lead_id":"L1","a":{"b":"x"},"status":"sold"}`, "a.b", `"x"`},
		"missing, own place":   {webhook.Rules{Status: "a.b"}, "", `{"lead_id":"L1","status":"sold"}`, "a.b", "missing"},
		"status is an object":  {webhook.Rules{Status: "a"}, "", `{"lead_id":"L1","a":{}}`, "a", "text"},
		"no lead":              {webhook.Rules{}, "", `{"status":"sold"}`, "lead_id", "missing"},
		"no lead, own place":   {webhook.Rules{Lead: "x.y"}, "", `{"status":"sold","lead_id":"L1"}`, "x.y", "missing"},
		"lead is a list":       {webhook.Rules{}, "", `{"status":"sold","lead_id":["L1"]}`, "lead_id", "text"},
		"lead with a line":     {webhook.Rules{}, "", `{"status":"sold","lead_id":"L\n1"}`, "lead_id", ""},
		"lead with NUL":        {webhook.Rules{}, "", `{"status":"sold","lead_id":"L\u00001"}`, "lead_id", ""},
		"long lead":            {webhook.Rules{}, "", `{"status":"sold","lead_id":"` + strings.Repeat("x", 201) + `"}`, "lead_id", ""},
		"long event":           {webhook.Rules{}, "", `{` + ok + `,"event_id":"` + strings.Repeat("x", 201) + `"}`, "event_id", ""},
		"twice":                {webhook.Rules{}, "", `{` + ok + `,"lead_id":"L2"}`, "lead_id", "twice"},
		"twice, kinds":         {webhook.Rules{}, "", `{` + ok + `,"x":{},"x":[]}`, "x", "twice"},
		"twice, null":          {webhook.Rules{}, "", `{` + ok + `,"x":"","x":null}`, "x", "twice"},
		"twice in a form":      {webhook.Rules{}, "", "lead_id=L1&status=sold&status=returned", "status", "twice"},
		"form's escape":        {webhook.Rules{}, "", "lead_id=%zz", "body", "form"},
		"form's UTF-8":         {webhook.Rules{}, "", "lead_id=%ff&status=sold", "body", "UTF-8"},
		"form's fields":        {webhook.Rules{}, "", strings.Repeat("a&", 1001), "body", "1000"},
		"amount, five places":  {webhook.Rules{}, "", `{` + ok + `,"amount":1.00001}`, "amount", "four places"},
		"amount, exponent":     {webhook.Rules{}, "", `{` + ok + `,"amount":1e3}`, "amount", ""},
		"amount, comma":        {webhook.Rules{}, "", `{` + ok + `,"amount":"1,50"}`, "amount", ""},
		"amount, huge":         {webhook.Rules{}, "", `{` + ok + `,"amount":99999999999999999999}`, "amount", ""},
		"amount, object":       {webhook.Rules{}, "", `{` + ok + `,"data":{"amount":{"value":1}}}`, "data.amount", ""},
		"amount, word":         {webhook.Rules{}, "", `{` + ok + `,"amount":true}`, "amount", ""},
		"time without zone":    {webhook.Rules{}, "", `{` + ok + `,"occurred_at":"2026-03-04T05:06:07"}`, "occurred_at", ""},
		"time of day":          {webhook.Rules{}, "", `{` + ok + `,"timestamp":"03/04/2026"}`, "timestamp", ""},
		"time, last century":   {webhook.Rules{}, "", `{` + ok + `,"timestamp":12}`, "timestamp", "century"},
		"time, microseconds":   {webhook.Rules{}, "", `{` + ok + `,"timestamp":1772600767000000}`, "timestamp", ""},
		"time, negative":       {webhook.Rules{}, "", `{` + ok + `,"timestamp":-1}`, "timestamp", ""},
		"version, huge":        {webhook.Rules{}, "", `{` + ok + `,"version":99999999999999999999}`, "version", ""},
		"note, own place":      {webhook.Rules{Note: "n"}, "", `{` + ok + `,"n":[]}`, "n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events, err := c.rules.Read(c.kind, []byte(c.body), webhook.Proof{})
			if events != nil || ringbid.KindOf(err) != ringbid.Invalid || !strings.HasPrefix(fmt.Sprint(err), c.field) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v %.300v, want %s", events, err, c.field)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestReadBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 10_000)
	got, err := webhook.Rules{}.Read("", []byte(`{"lead_id":"L1","status":"sold","note":"`+long+`"}`), webhook.Proof{ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(got[0].Note)); n != 2000 || len(got[0].Raw) > 16<<10 || !strings.Contains(got[0].Raw, "… cut: 20") {
		t.Errorf("note of %d letters, raw of %d bytes", n, len(got[0].Raw))
	}
}

// TestWords: every status is understood by its own name, in any dress, and common
// spellings mean what they say.
func TestWords(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"Contact Made": webhook.Contacted, "call.answered": webhook.Contacted, "appt": webhook.Appointment, "Meeting-Scheduled": webhook.Appointment,
		"quote sent": webhook.Quoted, "CLOSED_WON": webhook.Converted, "lead-sold": webhook.Converted, "wrong number": webhook.Invalid, "Refund Requested": webhook.Returned,
		"DUPE": webhook.Duplicate, "No-Answer": webhook.NoContact, "disconnected": webhook.Invalid,
	}
	for _, s := range webhook.Statuses() {
		cases[s], cases[" "+strings.ToUpper(s)+" "], cases["lead."+s], cases[strings.ReplaceAll(s, "_", " ")] = s, s, s, s
	}
	for word, want := range cases {
		b, err := json.Marshal(map[string]string{"lead_id": "L1", "status": word})
		if err != nil {
			t.Fatal(err)
		}
		got, err := webhook.Rules{}.Read("application/json", b, webhook.Proof{ID: "x"})
		if err != nil || got[0].Status != want {
			t.Errorf("%q: %+v %v, want %s", word, got, err, want)
		}
	}
}

func TestCheckRules(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 201 {
		many[fmt.Sprint(i)] = webhook.Quoted
	}
	for name, c := range map[string]struct {
		rules webhook.Rules
		paths []string
	}{
		"none":       {webhook.Rules{}, nil},
		"paths":      {webhook.Rules{Status: "a..b", Lead: "|", BuyerLead: "a|", Event: strings.Repeat("x", 201), At: "a\nb", Amount: ".", Note: "a.b|c.0"}, []string{"status", "lead", "buyer_lead", "event", "at", "amount"}},
		"words":      {webhook.Rules{Words: map[string]string{"--": webhook.Quoted, "a": "b", "c": ""}}, []string{`words["--"]`, `words["a"]`}},
		"same word":  {webhook.Rules{Words: map[string]string{"A b": webhook.Quoted, "a-B": webhook.Returned, "c d": webhook.Quoted, "C-D": webhook.Quoted}}, []string{`words["a-B"]`}},
		"many words": {webhook.Rules{Words: many}, []string{"words"}},
		"deep":       {webhook.Rules{Lead: strings.Repeat("a.", 40) + "b"}, []string{"lead"}},
	} {
		var got []string
		for _, p := range c.rules.Check() {
			got = append(got, p.Path)
		}
		if d := cmp.Diff(c.paths, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// FuzzRead: no body makes Read panic; what it makes is sound, and the same twice.
func FuzzRead(f *testing.F) {
	for _, b := range []string{
		`{"lead_id":"L1","status":"sold","amount":"1.5","timestamp":1772600767,"version":1,"note":"x"}`, `[{"lead_id":"L1","event":"x"},{}]`,
		"lead_id=L1&status=sold&data[a][b]=c", `{"a":{"a":{"a":[[[]]]}},"a":1}`, "\xef\xbb\xbf{}", `{"data":{"lead_id":1e999,"status":true}}`,
	} {
		f.Add("application/json", []byte(b), "", "a.0|b")
		f.Add("application/x-www-form-urlencoded", []byte(b), "status", "lead_id")
		f.Add("", []byte(b), "data.status", "")
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte, status, lead string) {
		r := webhook.Rules{Status: status, Lead: lead, Words: map[string]string{status: webhook.Quoted}}
		_ = r.Check()
		got, err := r.Read(kind, body, webhook.Proof{ID: "x", At: signedAt})
		if err != nil {
			if got != nil || ringbid.KindOf(err) != ringbid.Invalid {
				t.Fatalf("%v %v", got, err)
			}
			return
		}
		for _, e := range got {
			if e.ID == "" || e.LeadID+e.BuyerLeadID == "" || e.Status == "" || e.Raw == "" || len(e.Raw) > 16<<10 || len([]rune(e.Note)) > 2000 ||
				strings.Contains(e.ID+e.LeadID+e.BuyerLeadID+e.Note+e.Raw, "\x00") {
				t.Fatalf("%+v", e)
			}
		}
		again, err := r.Read(kind, body, webhook.Proof{ID: "x", At: signedAt})
		if d := cmp.Diff(got, again); err != nil || d != "" {
			t.Fatalf("%v %s", err, d)
		}
	})
}
