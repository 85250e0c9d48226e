package sip

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

func headerOf(t testing.TB, name, value string) leg.Header {
	t.Helper()
	h, err := leg.NewHeader(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestPhoneOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p    leg.Party
		want ringbid.Phone
	}{
		{leg.Party{User: "+14155550123", URI: "sip:+14155550123@h;user=phone"}, "+14155550123"},
		{leg.Party{User: "+1-415-555-0123", URI: "tel:+1-415-555-0123"}, "+14155550123"},
		{leg.Party{User: "555-0123", URI: "tel:555-0123;phone-context=+1-415"}, "+14155550123"},
		{leg.Party{User: "5550123", URI: "sip:5550123;phone-context=+1415@h;user=phone"}, "+14155550123"},
		{leg.Party{User: "%2B14155550123", URI: "sip:%2B14155550123@h"}, "+14155550123"},
		{leg.Party{User: "5550123", URI: "tel:5550123;phone-context=example.com"}, ""},
		{leg.Party{User: "bob", URI: "sip:bob@h"}, ""},
		{leg.Party{}, ""},
	} {
		if got := phoneOf(tt.p); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.p, got, tt.want)
		}
	}
}

func TestIdentityOf(t *testing.T) {
	t.Parallel()
	trusted, plain := &ringbid.Trunk{Trusted: true}, &ringbid.Trunk{}
	anonymous := leg.Party{Display: "Anonymous", User: "anonymous", Host: "anonymous.invalid"}
	for _, tt := range []struct {
		name     string
		caller   ringbid.Phone
		withheld ringbid.Phone
		trunk    *ringbid.Trunk
		want     identity
	}{
		{"known", "+14155550123", "", plain, identity{from: leg.Party{User: "+14155550123"}, pai: "sip:+14155550123@us"}},
		{"withheld", "", "+14155550123", plain, identity{from: anonymous, privacy: true}},
		{"withheld, trusted", "", "+14155550123", trusted, identity{from: anonymous, pai: "sip:+14155550123@us", privacy: true}},
		{"unknown, trusted", "", "", trusted, identity{from: anonymous, privacy: true}},
	} {
		got := identityOf(&ringbid.Dial{Caller: tt.caller}, tt.withheld, tt.trunk, "us")
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestAttestationDialects(t *testing.T) {
	t.Parallel()
	pai := func(uri, host string) leg.Request { return leg.Request{PAI: []leg.Party{{URI: uri, Host: host}}} }
	with := func(pairs ...string) leg.Request {
		var r leg.Request
		for i := 0; i < len(pairs); i += 2 {
			r.Headers = append(r.Headers, headerOf(t, pairs[i], pairs[i+1]))
		}
		return r
	}
	for _, tt := range []struct {
		name string
		r    leg.Request
		want attestation
	}{
		{"standard, in the user", pai("sip:+1415;verstat=TN-Validation-Passed-B@h", "h"), attestation{"B", "passed", ""}},
		{"standard, behind the address", leg.Request{From: leg.Party{URI: "sip:+1415@h", Params: "verstat=No-TN-Validation"}}, attestation{"", "none", ""}},
		{"standard, no level", pai("tel:+1415;verstat=TN-Validation-Passed", ""), attestation{"", "passed", ""}},
		{"telnyx A", pai("sip:+1888@sip.telnyx.com;verstat=TN-Validation-Passed", "sip.telnyx.com"), attestation{"A", "passed", ""}},
		{"telnyx C", pai("sip:+1888@sip.telnyx.com;verstat=TN-Validation-Passed-C", "sip.telnyx.com"), attestation{"C", "passed", ""}},
		{"not telnyx", pai("sip:+1888@nottelnyx.com;verstat=TN-Validation-Passed", "nottelnyx.com"), attestation{"", "passed", ""}},
		{"twilio", with("X-Twilio-VerStat", "TN-Validation-Passed-A"), attestation{"A", "passed", ""}},
		{"twilio failed", with("X-Twilio-VerStat", "TN-Validation-Failed-A"), attestation{"", "failed", ""}},
		{"plivo", with("X-Plivo-Stir-Verification", "Not Verified", "X-Plivo-Stir-Attestation", "A"), attestation{"", "failed", ""}},
		{"plivo verified", with("X-Plivo-Stir-Verification", "Verified", "X-Plivo-Stir-Attestation", "b"), attestation{"B", "passed", ""}},
		{"bandwidth", with("P-Attestation-Indicator", "C", "P-Origination-ID", "5c6bd2b0-2c3e-4a2f"), attestation{"C", "", "5c6bd2b0-2c3e-4a2f"}},
		{"nothing", leg.Request{From: leg.Party{URI: "sip:+1415@h"}}, attestation{}},
		{"rubbish", with("P-Attestation-Indicator", "AA", "X-Plivo-Stir-Verification", "?"), attestation{}},
	} {
		if got := attested(&tt.r); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// signedFor makes an Identity header with claims; the signature is none.
func signedFor(from, to, attest string) string {
	text := `{"attest":"` + attest + `","dest":{"tn":["` + to + `"]},"iat":1760000000,"orig":{"tn":"` + from + `"},"origid":"x"}`
	return "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".c2ln;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken"
}

func TestIdentityIsRelayedOnlyWhereItHolds(t *testing.T) {
	t.Parallel()
	good := signedFor("14155550123", "18005550100", "A")
	date := headerOf(t, "Date", "Thu, 26 Nov 2026 01:00:00 GMT")
	for _, tt := range []struct {
		name   string
		signed string
		date   bool
		caller ringbid.Phone
		user   string
		age    time.Duration
		why    string
	}{
		{"as it came", good, true, "+14155550123", "+18005550100", 0, ""},
		{"without its Date", good, false, "+14155550123", "+18005550100", 0, "there is no Date"},
		{"another destination", good, true, "+14155550123", "agent", 0, "another number is called than was dialled"},
		{"another caller", good, true, "+14155550199", "+18005550100", 0, "the caller is not the one of From"},
		{"withheld", good, true, "", "+18005550100", 0, "the caller is not the one of From"},
		{"old", good, true, "+14155550123", "+18005550100", 2 * time.Minute, "it is older than a minute"},
		{"about others", signedFor("14155550199", "18005550100", "A"), true, "+14155550123", "+18005550100", 0, "it speaks of other numbers"},
		{"none", "", true, "+14155550123", "+18005550100", 0, ""},
		{"of 3 KB", good + ";x=" + strings.Repeat("y", 3000), true, "+14155550123", "+18005550100", 0, ""},
	} {
		r := leg.Request{From: leg.Party{User: "+14155550123"}}
		if tt.date {
			r.Headers = append(r.Headers, date)
		}
		if tt.signed != "" {
			r.Headers = append(r.Headers, headerOf(t, "Identity", tt.signed))
		}
		got, why := relayed(&r, &ringbid.Invite{Number: "+18005550100", Received: time.Now().Add(-tt.age)}, &ringbid.Dial{Caller: tt.caller}, tt.user)
		if why != tt.why || (len(got) == 2) != (tt.why == "" && tt.signed != "") {
			t.Errorf("%s: %v, %q", tt.name, got, why)
		}
		if len(got) == 2 && (got[0].Value() != tt.signed || got[1].Value() != date.Value()) {
			t.Errorf("%s: changed to %v", tt.name, got)
		}
	}
}

func TestDiversionsAndHistory(t *testing.T) {
	t.Parallel()
	r := leg.Request{Diversion: []leg.Party{{User: "+12125550102", Params: "reason=no-answer"}, {User: "+12125550101"}, {User: "bob"},
		{User: "+12125550199", Params: "privacy=full"}}}
	inv := ringbid.Invite{Number: "+18005550100"}
	chain := append(diversionsOf(&r, &inv, false, "us"), diverted{user: "old", host: "b:5070", status: 302})
	if diff := cmp.Diff([]string{"<sip:old@b:5070>;reason=deflection;counter=1", "<sip:+18005550100@us>;reason=unconditional;counter=1",
		"<sip:+12125550102@us>;reason=unconditional;counter=1", "<sip:+12125550101@us>;reason=unconditional;counter=1"}, diversionHeaders(chain)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"<sip:+12125550101@us>;index=1", "<sip:+12125550102@us>;index=1.1;mp=1", "<sip:+18005550100@us>;index=1.1.1;mp=1.1",
		"<sip:old@b:5070?Reason=SIP%3Bcause%3D302>;index=1.1.1.1;mp=1.1.1", "<sip:new@b>;index=1.1.1.2;mp=1.1.1.1"},
		historyHeaders(chain, "new", "b")); diff != "" {
		t.Error(diff)
	}
	if got := diversionsOf(&r, &inv, true, "us"); len(got) != 4 || got[0].user != "+12125550199" {
		t.Errorf("a trusted trunk is told %v", got)
	}
}

func TestUserToUserForms(t *testing.T) {
	t.Parallel()
	for v, want := range map[string][2]string{
		"7a69703d3930323130;encoding=hex":                {"zip=90210", ""},
		"7a69703d3930323130":                             {"zip=90210", ""},
		"00ff;encoding=hex;purpose=isdn-uui;content=u":   {"00ff", "isdn-uui"},
		`"a;b";encoding=ascii;purpose=CallCentre`:        {"a;b", "callcentre"},
		"6162;encoding=ascii":                            {"6162", ""},
		`"unclosed;purpose=x`:                            {"unclosed", "x"},
		";;=;purpose":                                    {"", ""},
		"7A69703D31; purpose = foo ; encoding = \"hex\"": {"zip=1", "foo"},
	} {
		data, purpose := userToUser(v)
		if got := [2]string{data, purpose}; got != want {
			t.Errorf("%q: %q, want %q", v, got, want)
		}
	}
	tags := ringbid.TagMap{}
	userTags(tags, []string{"6f6e65", "74776f;purpose=p", "7468726565", "666f7572", "66697665"})
	if diff := cmp.Diff(ringbid.TagMap{"user_to_user": "one", "user_to_user_2": "two", "user_to_user_2_purpose": "p",
		"user_to_user_3": "three", "user_to_user_4": "four"}, tags); diff != "" {
		t.Error(diff)
	}
}

func TestContactsOfARedirect(t *testing.T) {
	t.Parallel()
	got := contactsOf([]leg.Header{
		headerOfContact("<sip:low@a;user=phone>;q=0.1, \"B\" <sip:best@b:5070>, <sips:secure@c>"),
		headerOfContact("<sip:mid@[2001:db8::1]:5062>;expires=60;q=0.7, sip:@nobody, <tel:+1-415-555-0123>;q=0.9, *, <mailto:a@b>"),
		headerOfContact("<sip:odd@d>;q=NaN"),
	})
	want := []contact{{"best", "b:5070", 1}, {"+14155550123", "", 0.9}, {"mid", "[2001:db8::1]:5062", 0.7}, {"low", "a", 0.1}, {"odd", "d", 0}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(contact{})); diff != "" {
		t.Error(diff)
	}
}

// headerOfContact is a Contact as it comes in; NewHeader makes none.
func headerOfContact(v string) leg.Header { return leg.ReceivedHeader("Contact", v) }

func FuzzSaidOfTheCaller(f *testing.F) {
	f.Add("<sip:+12125550101@x>;reason=no-answer;privacy=full, <tel:+1-212>", "<sip:+1@h?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1.1;mp=1",
		"<sip:a@b;user=phone>;q=0.5, <tel:5;phone-context=+1>", signedFor("1", "2", "A"), "sip:+1;verstat=TN-Validation-Passed-A@b")
	f.Add("<", "<sip:\"@;>,,", "*;q=2", "..;", ";verstat=;;@")
	f.Fuzz(func(t *testing.T, diversion, history, contacts, identity, uri string) {
		raw := func(name, v string) []leg.Header { return []leg.Header{leg.ReceivedHeader(name, v)} }
		r := leg.Request{Diversion: leg.Parties(raw("Diversion", diversion), "Diversion"), History: leg.Parties(raw("History-Info", history), "History-Info"),
			From: leg.Party{URI: uri, User: uri, Params: uri}, Headers: raw("Identity", identity)}
		tags := ringbid.TagMap{}
		attestTags(tags, &r)
		for k, v := range tags {
			if !readable(v) || k != "origid" && len(v) > 6 {
				t.Errorf("%s=%q", k, v)
			}
		}
		chain := diversionsOf(&r, &ringbid.Invite{Number: "+18005550100"}, true, "us")
		for _, c := range contactsOf(raw("Contact", contacts)) {
			if !ringbid.SIPUser(c.user) || !(c.q >= 0 && c.q <= 1) {
				t.Errorf("contact %+v", c)
			}
			chain = append(chain, diverted{user: c.user, host: "h", status: 302})
		}
		for _, v := range append(diversionHeaders(chain), historyHeaders(chain, "u", "h")...) {
			if h, err := leg.NewHeader("Diversion", v); err != nil || strings.ContainsAny(h.Value(), "\r\n") {
				t.Errorf("%q: %v", v, err)
			}
		}
		relayed(&r, &ringbid.Invite{Number: "+18005550100", Received: time.Now()}, &ringbid.Dial{Caller: "+14155550123"}, "+18005550100")
		userToUser(identity)
	})
}
