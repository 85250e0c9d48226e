package ringbid_test

import (
	"testing"

	"github.com/ringbid/ringbid"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	facts := ringbid.TagMap{"State": "CA", "age": "65", "income": "1200.5", "zip": "90210", "empty": "", "note": "Own a HOUSE"}
	for _, c := range []struct {
		f    ringbid.Filter
		want bool
		text string
	}{
		{ringbid.Filter{Tag: "state", Op: "eq", Value: "ca"}, true, "state eq ca"},
		{ringbid.Filter{Tag: "state", Op: "eq", Value: "NV"}, false, "state eq NV"},
		{ringbid.Filter{Tag: "state", Op: "in", Values: []string{"NV", "ca"}}, true, "state in a list of 2"},
		{ringbid.Filter{Tag: "state", Op: "in", Values: []string{"NV"}, Not: true}, true, "state not in a list of 1"},
		{ringbid.Filter{Tag: "note", Op: "contains", Value: "house"}, true, "note contains house"},
		{ringbid.Filter{Tag: "age", Op: "gt", Value: "64"}, true, "age gt 64"},
		{ringbid.Filter{Tag: "age", Op: "gt", Value: "65"}, false, "age gt 65"},
		{ringbid.Filter{Tag: "age", Op: "lt", Value: "100"}, true, "age lt 100"}, // as numbers, not as text
		{ringbid.Filter{Tag: "income", Op: "gt", Value: "1200.4999"}, true, "income gt 1200.4999"},
		{ringbid.Filter{Tag: "note", Op: "gt", Value: "1"}, false, "note gt 1"},
		{ringbid.Filter{Tag: "note", Op: "gt", Value: "1", Not: true}, true, "note not gt 1"},
		{ringbid.Filter{Tag: "zip", Op: "match", Value: "90*"}, true, "zip match 90*"},
		{ringbid.Filter{Tag: "zip", Op: "match", Value: "9?2"}, false, "zip match 9?2"},
		{ringbid.Filter{Tag: "zip", Op: "match", Value: "[", Not: false}, false, "zip match ["},
		{ringbid.Filter{Tag: "zip", Op: "regex", Value: `^9\d{4}$`}, true, `zip regex ^9\d{4}$`},
		{ringbid.Filter{Tag: "zip", Op: "regex", Value: `(`}, false, `zip regex (`},
		{ringbid.Filter{Tag: "zip", Op: "exists"}, true, "zip given"},
		{ringbid.Filter{Tag: "empty", Op: "exists"}, false, "empty given"},
		{ringbid.Filter{Tag: "missing", Op: "exists", Not: true}, true, "missing not given"},
		{ringbid.Filter{Tag: "missing", Op: "eq", Value: ""}, false, "missing eq "},
		{ringbid.Filter{Tag: "missing", Op: "eq", Value: "x", Not: true}, true, "missing not eq x"},
		{ringbid.Filter{Tag: "zip", Op: "nonsense"}, false, "zip nonsense "},
	} {
		if got := c.f.Match(facts); got != c.want {
			t.Errorf("%s: %v, want %v", c.f, got, c.want)
		}
		if got := c.f.String(); got != c.text {
			t.Errorf("%q, want %q", got, c.text)
		}
	}
}
