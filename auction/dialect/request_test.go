package dialect_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction/dialect"
)

func TestDecodeRequest(t *testing.T) {
	t.Parallel()
	want := dialect.Request{
		Caller: "+15557779999", ExposeCaller: true, SIP: true, CallID: "c1",
		Tags: map[string]string{"zipcode": "12345", "State": "NY"},
	}
	asXML := want
	asXML.XML = true
	for name, c := range map[string]struct {
		method, target, contentType, body string
		want                              dialect.Request
	}{
		"query": {"GET", "/v1/production/id.json?CID=15557779999&zipcode=12345&State=NY&sipOk=yes&exposeCallerId=yes&publisherInboundCallId=c1", "", "", want},
		"JSON": {"POST", "/v1/production/id.json", "application/json; charset=utf-8",
			`{"cid":"+15557779999","exposeCallerId":"yes","zipcode":"12345","State":"NY","sipOk":true,"publisherInboundCallId":"c1"}`, want},
		"JSON of numbers": {"POST", "/v1/production/id.json", "application/json",
			`{"CID":15557779999,"exposeCallerId":1,"zipcode":12345,"State":"NY","sipOk":"true","publisherInboundCallId":"c1"}`, want},
		"JSON to XML": {"POST", "/v1/production/id.xml", "application/json",
			`{"CID":"15557779999","exposeCallerId":"yes","zipcode":"12345","State":"NY","sipOk":"yes","publisherInboundCallId":"c1"}`, asXML},
		"XML": {"POST", "/v1/production/id.xml", "application/xml",
			`<bid_request><CID>15557779999</CID><exposeCallerId>yes</exposeCallerId><zipcode>12345</zipcode><State>NY</State><sipOk>yes</sipOk><publisherInboundCallId>c1</publisherInboundCallId></bid_request>`, asXML},
		"XML of another root": {"POST", "/v1/production/id.json", "text/xml",
			`<BidRequest><CID>(555) 777-9999</CID><exposeCallerId>Y</exposeCallerId><zipcode>12345</zipcode><State>NY</State><sipOk>1</sipOk><publisherInboundCallId>c1</publisherInboundCallId></BidRequest>`, want},
		"form": {"POST", "/v1/production/id.json", "application/x-www-form-urlencoded",
			"CID=15557779999&exposeCallerId=yes&zipcode=12345&State=NY&sipOk=yes&publisherInboundCallId=c1", want},
		"query and body": {"POST", "/v1/production/id.json?State=NY&sipOk=yes", "application/json",
			`{"CID":"15557779999","exposeCallerId":"yes","zipcode":"12345","publisherInboundCallId":"c1"}`, want},
		"nothing": {"GET", "/v1/production/id.json", "", "", dialect.Request{Tags: map[string]string{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.contentType)
			got, err := dialect.DecodeRequest(r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	if want.Tag("ZIPCODE") != "12345" || want.Tag("zip") != "" {
		t.Error("tags are not found in another case")
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ contentType, body string }{
		"not JSON":     {"application/json", "hello"},
		"not XML":      {"application/xml", "hello"},
		"bad form":     {"application/x-www-form-urlencoded", "a=%zz"},
		"bad number":   {"application/json", `{"CID":"anonymous"}`},
		"too large":    {"application/json", `{"a":"` + strings.Repeat("x", 65<<10) + `"}`},
		"too many":     {"application/json", `{` + strings.Repeat(`"a":1,`, 300) + `"b":1}`},
		"nested depth": {"application/xml", strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/production/id.json", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		if _, err := dialect.DecodeRequest(r); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequestGolden(t *testing.T) {
	t.Parallel()
	q := dialect.Request{
		Caller: "+15557779999", ExposeCaller: true, SIP: true, CallID: "c1",
		Tags: map[string]string{"zipcode": "12345", "Name": `O'Hara <&> "Ω"`, "1bad": "kept out of XML", "a b": "too"},
	}
	for _, asXML := range []bool{false, true} {
		contentType, body := dialect.EncodeRequest(q, asXML)
		name := map[bool]string{false: "request.json", true: "request.xml"}[asXML]
		golden(t, name, body)
		r := httptest.NewRequest(http.MethodPost, "/x.json", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", contentType)
		got, err := dialect.DecodeRequest(r)
		if err != nil || got.Caller != q.Caller || got.Tag("Name") != q.Tags["Name"] || !got.SIP || !got.ExposeCaller {
			t.Errorf("%s came back as %+v, %v", name, got, err)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add("application/json", "CID=1", []byte(`{"CID":15557779999,"zip":1}`))
	f.Add("application/xml", "", []byte(`<b><CID>15557779999</CID></b>`))
	f.Add("application/x-www-form-urlencoded", "a=b&a=c", []byte(`CID=15557779999`))
	f.Fuzz(func(t *testing.T, contentType, query string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/x.json", strings.NewReader(string(body)))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", contentType)
		q, err := dialect.DecodeRequest(r)
		if err != nil {
			if ringbid.KindOf(err) != ringbid.Invalid {
				t.Fatalf("kind %s: %v", ringbid.KindOf(err), err)
			}
			return
		}
		if q.Caller != "" {
			if _, err := ringbid.ParsePhone(string(q.Caller)); err != nil {
				t.Fatal(err)
			}
		}
		_, again := dialect.EncodeRequest(q, true)
		r = httptest.NewRequest(http.MethodPost, "/x.xml", strings.NewReader(string(again)))
		r.Header.Set("Content-Type", "application/xml")
		if _, err := dialect.DecodeRequest(r); err != nil {
			t.Fatalf("what we wrote is refused: %v: %q", err, again)
		}
	})
}
