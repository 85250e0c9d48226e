package connector

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

func plan(t *testing.T, edit func(*Exchange)) *Plan {
	t.Helper()
	x := jsonPost()
	x.Settings["url"] = "https://buyer.example/post"
	if edit != nil {
		edit(&x)
	}
	p, problems := Compile(x)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// How answers are read: what partners really send.
func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		status int
		header string // "Name: value"
		body   string
		edit   func(*Exchange)
		class  Class
		code   Code
		id     string
		price  string
		reason string
		wait   time.Duration
	}{
		"accepted":               {body: `{"status":"success","lead_id":"A1","price":12.5}`, class: ClassAccepted, id: "A1", price: "12.50"},
		"numbers as strings":     {body: `{"result":"success","lead_id":77,"price":"$1,012.3456"}`, class: ClassAccepted, id: "77", price: "1012.3456"},
		"exact, never float":     {body: `{"success":true,"price":0.1000}`, class: ClassAccepted, price: "0.10"},
		"boolean as a word":      {body: `{"success":"True"}`, class: ClassAccepted},
		"false as a word":        {body: `{"Accepted":"false","reason":"Duplicate"}`, class: ClassRejected, code: CodeRule, reason: "Duplicate"},
		"price unreadable":       {body: `{"success":true,"price":"a lot"}`, class: ClassAccepted},
		"price negative":         {body: `{"success":true,"price":-3}`, class: ClassAccepted},
		"200 says nothing":       {body: `{}`, class: ClassRejected, code: CodeRule, reason: "status 200 OK"},
		"empty":                  {body: ``, class: ClassAmbiguous, code: CodeNotUnderstood, reason: "answer is empty"},
		"rejected at 200":        {body: `{"status":"failure","errors":[{"message":"Cap  reached\r\n"}]}`, class: ClassRejected, code: CodeRule, reason: "Cap reached"},
		"422":                    {status: 422, body: `{"error":"bad zip"}`, class: ClassRejected, code: CodeRule, reason: "bad zip"},
		"404 page":               {status: 404, body: `<html><title>Not  here</title>`, class: ClassRejected, code: CodeWebPage, reason: "answered with a web page: not here"},
		"200 with an error page": {body: "\ufeff <!DOCTYPE html><html><head><title>Sorry</title>", class: ClassRejected, code: CodeWebPage, reason: "answered with a web page: sorry"},
		"page behind a comment":  {body: "<!-- x --><html>success</html>", class: ClassRejected, code: CodeWebPage, reason: "answered with a web page"},
		"500":                    {status: 500, body: `{"success":true,"error":"oops"}`, class: ClassAmbiguous, code: CodeContradiction, reason: "status 500 Internal Server Error beside words that say accepted"},
		"500 that says no":       {status: 500, body: `{"success":false,"error":"oops"}`, class: ClassServer, code: CodeStatus, reason: "oops"},
		"502 page":               {status: 502, body: `<html>bad gateway</html>`, class: ClassAmbiguous, code: CodeStatus, reason: "status 502 Bad Gateway"},
		"504":                    {status: 504, class: ClassAmbiguous, code: CodeStatus, reason: "status 504 Gateway Timeout"},
		"503":                    {status: 503, class: ClassServer, code: CodeStatus, reason: "status 503 Service Unavailable"},
		"503 come later":         {status: 503, header: "Retry-After: 7", class: ClassThrottled, code: CodeStatus, reason: "status 503 Service Unavailable", wait: 7 * time.Second},
		"429":                    {status: 429, header: "Retry-After: Mon, 23 Nov 2026 12:01:00 GMT", class: ClassThrottled, code: CodeStatus, reason: "status 429 Too Many Requests", wait: time.Minute},
		"429 in the body":        {status: 429, body: `{"retry_after":139335}`, class: ClassThrottled, code: CodeStatus, reason: "status 429 Too Many Requests", wait: 139335 * time.Second},
		"Retry-After far off":    {status: 429, header: "Retry-After: 99999999999", class: ClassThrottled, code: CodeStatus, reason: "status 429 Too Many Requests", wait: maxWait},
		"Retry-After past":       {status: 429, header: "Retry-After: Mon, 23 Nov 2020 12:01:00 GMT", class: ClassThrottled, code: CodeStatus, reason: "status 429 Too Many Requests"},
		"401":                    {status: 401, body: `{"success":true}`, class: ClassAuth, code: CodeStatus, reason: "status 401 Unauthorized"},
		"retry rule":             {status: 400, body: `{"error":"busy"}`, edit: func(x *Exchange) { x.Answer.Retry = `is("error", "BUSY")` }, class: ClassThrottled, code: CodeAsked, reason: "busy"},
		"XML":                    {body: `<?xml version="1.0" encoding="ISO-8859-1"?><r><status>Success</status><id>9</id><price>6.66</price></r>`, class: ClassAccepted, id: "9", price: "6.66"},
		"XML attribute":          {body: `<r ok="1"/>`, edit: func(x *Exchange) { x.Answer.Accepted = `yes("@ok")` }, class: ClassAccepted},
		"XML list":               {body: `<r><bids><bid><id>5</id></bid><bid><id>6</id></bid></bids></r>`, edit: func(x *Exchange) { x.Answer.Accepted = `count("bids.bid") == 2 && is("bids.bid.0.id", "5")` }, class: ClassAccepted},
		"XML entities":           {body: `<!DOCTYPE r [<!ENTITY a "success">]><r><status>&a;</status></r>`, class: ClassAmbiguous, code: CodeNotUnderstood, reason: "answer has a document type, which is refused"},
		"form":                   {body: `status=success&price=3&reason=a%20b`, class: ClassAccepted, price: "3.00"},
		"text": {body: `OK 123`, edit: func(x *Exchange) {
			x.Answer.Accepted, x.Answer.ID = `hasPrefix(text, "OK")`, `pick(text, "OK ([0-9]+)")`
		}, class: ClassAccepted, id: "123"},
		"conflict is success": {status: 409, body: `{"message":"Contact already exists. Existing ID: 179"}`, edit: func(x *Exchange) {
			x.Answer.Accepted, x.Answer.ID = `status == 409`, `pick(at("message"), "ID:\\s*(\\d+)")`
		}, class: ClassAccepted, id: "179"},
		"Latin-1":                {header: "Content-Type: text/plain; charset=ISO-8859-1", body: "{\"reason\":\"Stra\xdfe\"}", class: ClassRejected, code: CodeRule, reason: "Straße"},
		"Latin-1, not said":      {body: "{\"reason\":\"Stra\xdfe \x80\"}", class: ClassRejected, code: CodeRule, reason: "Straße €"},
		"BOM":                    {body: "\xef\xbb\xbf{\"success\":1}", class: ClassAccepted},
		"UTF-16":                 {body: "\xff\xfe{\x00\"\x00s\x00u\x00c\x00c\x00e\x00s\x00s\x00\"\x00:\x001\x00}\x00", class: ClassAccepted},
		"key twice, the same":    {body: `{"result":"success","result":"success"}`, class: ClassAccepted},
		"key twice":              {body: `{"result":"failed","result":"success"}`, class: ClassAmbiguous, code: CodeContradiction, reason: "answer says result twice, differently"},
		"key twice, not read":    {body: `{"x":1,"x":2,"result":"success"}`, class: ClassAccepted},
		"element twice":          {body: `<r><status>success</status><status>error</status></r>`, class: ClassAmbiguous, code: CodeContradiction, reason: "answer says status twice, differently"},
		"cut JSON":               {body: `{"result":"succ`, class: ClassAmbiguous, code: CodeNotUnderstood, reason: "answer is not JSON: unexpected EOF"},
		"two documents":          {body: `{"result":"success"}{}`, class: ClassAmbiguous, code: CodeNotUnderstood, reason: "answer goes on after its JSON"},
		"JSON wanted, text came": {body: `fine`, edit: func(x *Exchange) { x.Answer.As = "json" }, class: ClassAmbiguous, code: CodeNotUnderstood},
		"too deep":               {body: strings.Repeat("[", 5000), class: ClassAmbiguous, code: CodeNotUnderstood},
		"a page is what we want": {body: `<html>ok</html>`, edit: func(x *Exchange) { x.Answer.As, x.Answer.Accepted = "text", `status == 200` }, class: ClassAccepted},
		"rule that fails":        {body: `{}`, edit: func(x *Exchange) { x.Answer.Accepted = `[1][len(text)] == 1` }, class: ClassRejected, code: CodeRule},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := Response{Status: c.status, Header: http.Header{}, Body: []byte(c.body), Sent: SentAnswered}
			if res.Status == 0 {
				res.Status = 200
			}
			if k, v, ok := strings.Cut(c.header, ": "); ok {
				res.Header.Set(k, v)
			}
			got := plan(t, c.edit).judge(res, nil, now)
			if got.Class != c.class || got.Code != c.code || got.ID != c.id || got.RetryAfter != c.wait || got.Sent != SentAnswered {
				t.Errorf("got %+v", got)
			}
			if c.reason != "" && got.Reason != c.reason || got.Class == ClassAccepted && got.Reason != "" || got.Class != ClassAccepted && got.Reason == "" {
				t.Errorf("reason %q, want %q", got.Reason, c.reason)
			}
			price := ""
			if got.Price != nil {
				price = got.Price.String()
			}
			if price != c.price || strings.HasPrefix(name, "price") != (got.Note != "") {
				t.Errorf("price %q, note %q", price, got.Note)
			}
		})
	}
}

func TestReadPrice(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]ringbid.Money{"38": 380000, "0.0001": 1, "$ 6.66": 66600, "1,000": 10_000_000} {
		if got, err := readPrice(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "-1", "1e3", "0.00001", "12 USD", "NaN"} {
		if got, err := readPrice(s); err == nil {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

// FuzzJudge: no answer makes us panic, and none is accepted without the rule.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{
		`{"result":"success","price":"1"}`, `<r><result>success</result></r>`, `result=success&price=1`, `{"a":[1,{"b":null}]}`,
		"\xff\xfe{\x00}\x00", `<html>`, `<!DOCTYPE x>`, `"success"`, `<a b="c">&amp;<!-- --></a>`,
	} {
		f.Add(200, "text/html", s)
	}
	x := leadspedia()
	x.Settings = map[string]string{"base": "https://x.example", "campaign_id": "1"}
	x.Auth.Secret = "key"
	p, problems := Compile(x)
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		got := p.judge(Response{Status: status, Header: http.Header{"Content-Type": {kind}}, Body: []byte(body), Sent: SentAnswered}, nil, time.Unix(0, 0))
		if got.Class == "" || got.Class == ClassAccepted && (status != 200 || !strings.Contains(strings.ToLower(readText(http.Header{"Content-Type": {kind}}, []byte(body))), "s")) {
			t.Fatalf("%d %q: %+v", status, body, got)
		}
	})
}

// FuzzTemplate: what a value holds never leaves its place.
func FuzzTemplate(f *testing.F) {
	f.Add("https://x.example/{{a}}?b={{b}}", "../..", "x&y={{a}}")
	f.Add("{{base}}/x/{{a}}", "a\r\nb", "%2f")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		tpl, err := parseTemplate(text)
		if err != nil {
			return
		}
		value := func(name string) string { return map[string]string{"a": a, "b": b}[name] }
		s, err := tpl.address(value, func(string) (string, bool) { return "", false })
		if err != nil || soundURL(s) != nil {
			return
		}
		plain, err := tpl.address(func(string) string { return "x" }, func(string) (string, bool) { return "", false })
		if err == nil && strings.Count(s, "/") != strings.Count(plain, "/") {
			t.Fatalf("%s became %s", plain, s)
		}
	})
}

// The worst a partner can send within our bound is read in a moment.
func TestHostileAnswersAreQuick(t *testing.T) {
	t.Parallel()
	p := plan(t, nil)
	for name, unit := range map[string]string{
		"text in pieces": "x<!---->", "elements": "<a/>", "attributes": ` a="b"`, "keys": `"a":1,`, "entities": "&amp;", "form": "a=b&", "comments": "<!---->",
	} {
		body := strings.Repeat(unit, maxAnswerBytes/len(unit))
		switch name {
		case "attributes":
			body = "<r" + body + "/>"
		case "keys":
			body = "{" + body + `"b":2}`
		case "form":
		default:
			body = "<r>" + body + "</r>"
		}
		started := time.Now()
		got := p.judge(Response{Status: 200, Header: http.Header{}, Body: []byte(body)}, nil, started)
		if took := time.Since(started); took > 2*time.Second || got.Class == ClassAccepted {
			t.Errorf("%s: %s after %s", name, got.Class, took)
		} else {
			t.Logf("%s: %s after %s", name, got.Class, took)
		}
	}
}
