package ivr

import (
	"maps"
	"regexp"
	"strings"

	"github.com/ringbid/ringbid"
)

// token is a {{tag}} in a text of the operator's.
var token = regexp.MustCompile(`\{\{\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*\}\}`)

// mask stands for one digit that is not shown.
const mask = "•"

// facts are what is known of a call: its tags, and what every call has.
type facts struct {
	tags   ringbid.TagMap
	always ringbid.TagMap  // caller, number, campaign, publisher: not to be set
	secret map[string]bool // tags, by lower-case name, that stay in this call
}

func newFacts(always ringbid.TagMap) *facts {
	f := &facts{tags: ringbid.TagMap{}, always: ringbid.TagMap{}, secret: map[string]bool{}}
	for k, v := range always {
		if v != "" {
			f.always[k] = v
		}
	}
	return f
}

// put sets a tag under the name it already has, if any, without regard to case.
func put(m ringbid.TagMap, name, value string) string {
	if _, ok := m[name]; !ok {
		for k := range m {
			if strings.EqualFold(k, name) {
				name = k
			}
		}
	}
	m[name] = value
	return name
}

// set keeps a tag and returns its name; false where there are too many of them
// or the name belongs to what every call has. A long value is cut.
func (f *facts) set(name, value string, secret bool) (string, bool) {
	if _, ok := f.always.Get(name); ok {
		return "", false
	}
	if _, ok := f.tags.Get(name); !ok && len(f.tags) >= ringbid.MaxTags {
		return "", false
	}
	if len(value) > ringbid.MaxTagValue {
		value = strings.ToValidUTF8(value[:ringbid.MaxTagValue], "")
	}
	name = put(f.tags, name, value)
	f.secret[strings.ToLower(name)] = secret
	return name, true
}

// all returns everything that is known, for the flow itself and the winner.
func (f *facts) all() ringbid.TagMap {
	out := maps.Clone(f.tags)
	maps.Copy(out, f.always)
	return out
}

// market returns what bidders may be asked with: all but the secrets, since
// there are many bidders and the record of an auction is kept.
func (f *facts) market() ringbid.TagMap {
	out := f.all()
	for k := range out {
		if f.secret[strings.ToLower(k)] {
			delete(out, k)
		}
	}
	return out
}

// public returns the tags as they are stored and shown, secrets masked.
func (f *facts) public() ringbid.TagMap {
	out := maps.Clone(f.tags)
	for k, v := range out {
		if f.secret[strings.ToLower(k)] {
			out[k] = masked(v)
		}
	}
	return out
}

// fill replaces the tokens of a text, unknown ones by nothing, and reports
// whether a secret went into it.
func (f *facts) fill(text string) (filled string, secret bool) {
	all := f.all()
	filled = token.ReplaceAllStringFunc(text, func(t string) string {
		name := token.FindStringSubmatch(t)[1]
		secret = secret || f.secret[strings.ToLower(name)]
		v, _ := all.Get(name)
		return v
	})
	return filled, secret
}

func masked(s string) string { return strings.Repeat(mask, len([]rune(s))) }
