package ringbid_test

import (
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
)

// TestNormalForms reads one value of each type; "" is a problem.
func TestNormalForms(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 201)
	for kind, cases := range map[string]map[string]string{
		"text": {
			"  a  b ": "a  b", "a\tb\r\nc": "a b  c", "a\x00b\x1b": "ab", "\u202eevil\u2069": "evil", "line\u2028end": "lineend", "\xff": "", long: "",
			"<script>{{x}}": "<script>{{x}}", "=cmd()": "=cmd()", long[:200]: long[:200], "émoji 🌞": "émoji 🌞",
		},
		"phone": {
			"213-555-0100": "+12135550100", "1 213 555 0100": "+12135550100", "+44 20 7946 0000": "+442079460000", "tel:+12135550100": "+12135550100",
			"0135550100": "", "2130550100": "", "2131550100": "", "555-0100": "", "+1 113 555 0100": "", "213555010": "", "call me": "",
		},
		"email": {
			"Ann@EXAMPLE.Com": "Ann@example.com", "Ann <a@b.example>": "a@b.example", "a+b@c.example": "a+b@c.example",
			"a@b": "", "a b@c.example": "", "a@b.example, c@d.example": "", "a@b.example\r\nBcc: x@y.example": "", "@b.example": "", "\"a b\"@c.example": "",
		},
		"state": {"ca": "CA", "New  York": "NY", "d.c.": "", "district of columbia": "DC", "Ontario": "", "PR": "PR", "U.S. Virgin Islands": "VI"},
		"zip":   {"90210": "90210", "90210-1234": "90210", "902101234": "90210", "90210 1234": "90210", "2134": "", "00000": "", "9021O": "", "K1A 0B1": "", "00501": "00501"},
		"date": {
			"1980-12-31": "1980-12-31", "19801231": "1980-12-31", "12/31/1980": "1980-12-31", "2024-02-29": "2024-02-29", "1980-12-31T23:30:00-08:00": "1980-12-31",
			"1980-12-31 10:00:00": "1980-12-31", "2023-02-29": "", "31.12.1980": "", "1800-01-01": "", "2300-01-01": "", "13/01/1980": "", "3/4/1980": "",
		},
		"time": {
			"2026-03-09T15:04:05Z": "2026-03-09T15:04:05Z", "2026-03-09T15:04:05.25+02:00": "2026-03-09T13:04:05Z", "2026-03-09 15:04:05": "2026-03-09T15:04:05Z",
			"1767225600": "2026-01-01T00:00:00Z", "0": "", "-5": "", "9999999999999": "", "today": "", "2026-03-09": "",
		},
		"number":  {"12": "12", "+12.50": "12.50", "-0.5": "-0.5", "1e3": "", "1,200": "", "0x10": "", "NaN": "", "1.": "", "1234567890123456": "", "٣": ""},
		"amount":  {"$1,200.50": "1200.50", "0.0125": "0.0125", "-5": "-5.00", "1.23456": "", "1e3": "", "": "", "12 USD": "", "999999999999999999999": ""},
		"boolean": {"TRUE": "yes", "y": "yes", "1": "yes", "on": "yes", "No": "no", "F": "no", "0": "no", "off": "no", "2": "", "null": ""},
		"url": {
			"https://a.example/x?y=1#z": "https://a.example/x?y=1#z", "HTTP://a.example": "HTTP://a.example", "javascript:alert(1)": "", "//a.example": "", "https://": "",
			"ftp://a.example": "", "https://a.example/a b": "", "https://a.example/<x>": "", "https://[::1": "",
		},
		"ip": {"203.0.113.9": "203.0.113.9", "::FFFF:203.0.113.9": "203.0.113.9", "2001:DB8::1": "2001:db8::1", "fe80::1%eth0": "", "203.0.113.256": "", "1.2.3": "", "203.0.113.9/24": ""},
		"trustedform": {
			"https://cert.trustedform.com/ab12": "https://cert.trustedform.com/ab12", "http://cert.staging.trustedform.com/ab12/": "https://cert.staging.trustedform.com/ab12",
			"https://cert.trustedform.com.evil.example/ab12": "", "https://evil.example/https://cert.trustedform.com/ab12": "", "https://cert.trustedform.com/": "",
			"https://cert.trustedform.com/a?b=c": "", "https://user@cert.trustedform.com/ab12": "", "https://cert.trustedform.com:8443/ab12": "",
		},
		"leadid": {"0FA1B2C3-0000-4000-8000-0123456789AB": "0fa1b2c3-0000-4000-8000-0123456789ab", "0fa1b2c3000040008000-0123456789ab": "", "x": ""},
		"choice": {"yes": "Yes", "OWN": "Yes", "nO": "No", "maybe": ""},
	} {
		rules := &ringbid.LeadRules{Fields: []ringbid.LeadField{{
			Name: "it", Type: kind, Required: true, Layouts: []string{"MM/DD/YYYY"},
		}}}
		if kind == "choice" {
			rules.Fields[0].Values, rules.Fields[0].Words = []string{"Yes", "No"}, map[string]string{"own": "Yes"}
		}
		for text, want := range cases {
			facts, problems := rules.Read(map[string]string{"it": text}, false)
			if facts["it"] != want || (len(problems) == 0) != (want != "") {
				t.Errorf("%s %q is %q, want %q; %v", kind, text, facts["it"], want, problems)
			}
		}
	}
}

// Fields that people write long things into take more.
func TestLongFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field ringbid.LeadField
		most  int
	}{
		{ringbid.LeadField{Name: "a"}, 200}, {ringbid.LeadField{Name: "a", Max: 10}, 10}, {ringbid.LeadField{Name: "a", Max: 4096}, 4096},
		{ringbid.LeadField{Name: "consent_text"}, 4096}, {ringbid.LeadField{Name: "consent_text", Max: 7}, 7},
	} {
		r := &ringbid.LeadRules{Fields: []ringbid.LeadField{c.field}}
		for n, ok := range map[int]bool{c.most: true, c.most + 1: false} {
			facts, problems := r.Read(map[string]string{c.field.Name: strings.Repeat("é", n)}, false)
			if (len(problems) == 0) != ok || (len(facts) == 1) != ok {
				t.Errorf("%+v takes %d characters: %v", c.field, n, problems)
			}
		}
	}
	r := &ringbid.LeadRules{Fields: []ringbid.LeadField{{Name: "page", Type: "url"}}}
	if _, problems := r.Read(map[string]string{"page": "https://a.example/" + strings.Repeat("a", 1900)}, false); len(problems) > 0 {
		t.Errorf("an address of 1900 characters: %v", problems)
	}
}

// Layouts are read where they are named, and only there.
func TestDateLayouts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ layout, text, want string }{
		{"MM/DD/YYYY", "03/04/2024", "2024-03-04"}, {"DD/MM/YYYY", "03/04/2024", "2024-04-03"}, {"M/D/YY", "3/4/24", "2024-03-04"},
		{"D.M.YYYY", "31.1.2024", "2024-01-31"}, {"YYYYMMDD", "20240131", "2024-01-31"}, {"MM/DD/YYYY", "3/4/2024", ""}, {"DD/MM/YYYY", "12/31/2024", ""},
	} {
		r := &ringbid.LeadRules{Fields: []ringbid.LeadField{{Name: "d", Type: "date", Layouts: []string{c.layout}}}}
		if facts, _ := r.Read(map[string]string{"d": c.text}, false); facts["d"] != c.want {
			t.Errorf("%s %s is %q, want %q", c.layout, c.text, facts["d"], c.want)
		}
	}
}
