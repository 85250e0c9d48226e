package dialect_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction/dialect"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}

// moment is when the golden bids run out.
var moment = time.UnixMilli(1755015176448).UTC()

func TestBidGolden(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]dialect.Bid{
		"bid": {
			ID: "RTBe98a1", Amount: 42000, ExpireIn: 39 * time.Second, ExpireAt: moment,
			Phone: "+17735550113", SIP: "RTBe98a1@bids.example.com",
			Warnings: []dialect.Warning{{Code: dialect.CodeCached, Text: "Previous bid for this request not yet expired. This is a cached version"}},
		},
		"whole":  {ID: "RTB1", Amount: 380000, ExpireIn: time.Minute, ExpireAt: moment, Phone: "+17735550113"},
		"reject": {ID: "RTBabf2", Reject: dialect.RejectReason(dialect.CodeCallerID)},
		"odd":    {ID: `a<b>&"c`, Reject: "Zürich ☎"},
	} {
		contentType, body := dialect.EncodeBid(b, false)
		golden(t, name+".json", body)
		if !strings.HasPrefix(contentType, "application/json") {
			t.Errorf("%s: %s", name, contentType)
		}
		back, err := dialect.DecodeBid(body)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, back); d != "" {
			t.Errorf("%s does not come back from JSON: %s", name, d)
		}
		contentType, body = dialect.EncodeBid(b, true)
		golden(t, name+".xml", body)
		if !strings.HasPrefix(contentType, "application/xml") {
			t.Errorf("%s: %s", name, contentType)
		}
		back, err = dialect.DecodeBid(body)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, back); d != "" {
			t.Errorf("%s does not come back from XML: %s", name, d)
		}
	}
}

func TestDecodeBid(t *testing.T) {
	t.Parallel()
	full := dialect.Bid{ID: "b1", Amount: 42000, ExpireIn: 39 * time.Second, Phone: "+17735550113"}
	for name, c := range map[string]struct {
		body string
		want dialect.Bid
	}{
		"numbers":     {`{"bidId":"b1","bidAmount":4.2,"expireInSeconds":39,"phoneNumber":"+17735550113"}`, full},
		"strings":     {`{"bidId":"b1","bidAmount":"4.20","expireInSeconds":"39","phoneNumber":"+17735550113"}`, full},
		"other case":  {`{"BIDID":"b1","bidamount":4.2,"ExpireInSeconds":39.0,"PhoneNumber":"+17735550113"}`, full},
		"float noise": {`{"bidId":"b1","bidAmount":4.199999999999999,"expireInSeconds":39,"phoneNumber":"+17735550113"}`, full},
		"currency":    {`{"bidId":"b1","bidAmount":" $4.20 ","expireInSeconds":39,"phoneNumber":"+17735550113"}`, full},
		"mark":        {"\ufeff" + `{"bidId":"b1","bidAmount":4.2,"expireInSeconds":39,"phoneNumber":"+17735550113"}`, full},
		"nulls and unknown fields": {
			`{"bidId":"b1","bidTerms":[{"a":{}}],"rejectReason":null,"warnings":null,"sipAddress":"","bidAmount":4.2,"expireInSeconds":39,"phoneNumber":"+17735550113"}`, full},
		"number id": {`{"bidId":17}`, dialect.Bid{ID: "17"}},
		"no plus":   {`{"phoneNumberNoPlus":"17735550113"}`, dialect.Bid{Phone: "17735550113"}},
		"sip":       {`{"sipAddress":"sip:u@h"}`, dialect.Bid{SIP: "u@h"}},
		"xml": {`<?xml version="1.0" encoding="utf-8"?> <Bid><BidID>b1</BidID><BidAmount>4.20</BidAmount>
			<ExpireInSeconds>39</ExpireInSeconds><phoneNumber>+17735550113</phoneNumber><Other><a/></Other></Bid>`, full},
		"xml of another root": {`<BidResponse xmlns="urn:x"><bidid>b1</bidid><BIDAMOUNT>4.2</BIDAMOUNT><expireinseconds>39</expireinseconds><PhoneNumber>+17735550113</PhoneNumber></BidResponse>`, full},
		"negative":            {`{"bidAmount":-3}`, dialect.Bid{Amount: -30000}},
		"never expires":       {`{"expireInSeconds":1e0}`, dialect.Bid{}},
		"long":                {`{"expireInSeconds":999999999999}`, dialect.Bid{ExpireIn: 24 * time.Hour}},
		"before it began":     {`{"expireInSeconds":-999999999999999}`, dialect.Bid{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := dialect.DecodeBid([]byte(c.body))
			if name == "never expires" {
				if err == nil {
					t.Error("an exponent is taken")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeBidRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		``:                                    "answer is not a JSON object",
		`<html><body>Not found`:               "answer is a web page",
		`<HTML><p>502 Bad Gateway</p></HTML>`: "answer is a web page",
		`<Bid><BidAmount>4</Bid>`:             "answer is not sound XML",
		`[1]`:                                 "answer is not a JSON object",
		`"bid"`:                               "answer is not a JSON object",
		`{"bidAmount":1`:                      "answer is not a JSON object",
		`{"bidAmount":1} trailing`:            "answer is not a JSON object",
		`{"bidAmount":"four"}`:                `bidAmount: "four" is not a number we can take`,
		`{"bidAmount":1e400000000}`:           `bidAmount: "1e400000000" is not a number we can take`,
		`{"bidAmount":true}`:                  `bidAmount: "true" is not a number we can take`,
		`{"bidAmount":{}}`:                    `bidAmount: "{}" is not a number we can take`,
		`{"bidAmount":99999999999999999}`:     `bidAmount: "99999999999999999" is not a number we can take`,
		`{"expireInSeconds":1.5}`:             `expireInSeconds: "1.5" is not a number we can take`,
		`{"bidExpireEpoch":"soon"}`:           `bidExpireEpoch: "soon" is not a number we can take`,
		`<Bid><BidAmount>x</BidAmount></Bid>`: `BidAmount: "x" is not a number we can take`,
		`{` + strings.Repeat(`"a":1,`, 300) + `"b":1}`: "answer has more than 256 fields",
		strings.Repeat(`<a>`, 1000):                    "answer is not sound XML",
	} {
		if _, err := dialect.DecodeBid([]byte(body)); err == nil || err.Error() != want || ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%.60s: got %v, want %s", body, err, want)
		}
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	ok := dialect.Bid{ID: "b", Amount: 1, ExpireIn: time.Second, SIP: "u@h"}
	for name, c := range map[string]struct {
		edit func(*dialect.Bid)
		want bool
	}{
		"whole":          {func(*dialect.Bid) {}, true},
		"number instead": {func(b *dialect.Bid) { b.SIP, b.Phone = "", "+17735550113" }, true},
		"no id":          {func(b *dialect.Bid) { b.ID = "" }, false},
		"no amount":      {func(b *dialect.Bid) { b.Amount = 0 }, false},
		"no destination": {func(b *dialect.Bid) { b.SIP = "" }, false},
		"no time":        {func(b *dialect.Bid) { b.ExpireIn = 0 }, false},
		"rejected":       {func(b *dialect.Bid) { b.Reject = "no" }, false},
	} {
		b := ok
		c.edit(&b)
		if b.Accepted() != c.want {
			t.Errorf("%s: accepted %v", name, b.Accepted())
		}
	}
}

func TestRejectCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Caller ID (Code: 1004)":   "1004",
		"No capacity (code:1003)":  "1003",
		"Closed ( Code: 1007 ) x":  "1007",
		"Missing required fields":  "",
		"(Code: )":                 "",
		"(Code: 1234567)":          "",
		dialect.RejectReason(1024): "1024",
		dialect.RejectReason(4711): "4711",
	} {
		if got := (dialect.Bid{Reject: text}).RejectCode(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzDecodeBid(f *testing.F) {
	for _, s := range []string{
		`{"bidId":"b1","bidAmount":4.2,"expireInSeconds":39,"phoneNumber":"+17735550113","warnings":[{"code":230}]}`,
		`{"bidId":"x","bidAmount":0,"rejectReason":"Caller ID (Code: 1004)"}`,
		`<Bid><BidID>b</BidID><BidAmount>1</BidAmount><Warnings><Warning><Code>230</Code></Warning></Warnings></Bid>`,
		`{"a":{"b":[[[]]]}}`, "\ufeff{}", "<a><!--", `{"bidAmount":"-0.00005"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := dialect.DecodeBid(body)
		if err != nil {
			if ringbid.KindOf(err) != ringbid.Invalid {
				t.Fatalf("kind %s: %v", ringbid.KindOf(err), err)
			}
			return
		}
		if b.ExpireIn < 0 || b.ExpireIn > 24*time.Hour {
			t.Fatalf("stands for %s", b.ExpireIn)
		}
		if b.Accepted() && (b.ID == "" || b.Amount == 0) {
			t.Fatalf("accepted: %+v", b)
		}
		_, again := dialect.EncodeBid(b, false)
		back, err := dialect.DecodeBid(again)
		if err != nil || back.Amount != b.Amount {
			t.Fatalf("%+v became %+v, %v", b, back, err)
		}
	})
}
