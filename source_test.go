package ringbid_test

import (
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestSourceIsChecked(t *testing.T) {
	t.Parallel()
	sound := func(edit func(*ringbid.Source)) ringbid.Document {
		s := &ringbid.Source{Name: "main", Campaign: "solar", Publisher: "pete", PostKey: "0123456789abcdef"}
		edit(s)
		return s
	}
	soundness(t, map[string]struct {
		doc  ringbid.Document
		want []string
	}{
		"sound": {sound(func(s *ringbid.Source) {
			s.Payout, s.Tags, s.Rate = &ringbid.Payout{Share: 70}, ringbid.TagMap{"sub_id": "7"}, 10_000
		}), nil},
		"nothing": {&ringbid.Source{}, []string{
			"campaign: is missing", "key: needs 16 to 200 characters",
			`name: "" is not a name: 1 to 64 lower-case letters, digits, dots, dashes and underscores`, "publisher: is missing"}},
		"short key": {sound(func(s *ringbid.Source) { s.PostKey = "0123456789abcde" }), []string{"key: needs 16 to 200 characters"}},
		"long key":  {sound(func(s *ringbid.Source) { s.PostKey = ringbid.Secret(strings.Repeat("x", 201)) }), []string{"key: needs 16 to 200 characters"}},
		"payout":    {sound(func(s *ringbid.Source) { s.Payout = &ringbid.Payout{Share: 10, Amount: 1} }), []string{"payout: amount and share_percent exclude each other"}},
		"tags": {sound(func(s *ringbid.Source) { s.Tags = ringbid.TagMap{"sub id": "7"} }), []string{
			`tags: "sub id" is not a tag name: a letter, then letters, digits and underscores`}},
		"rate": {sound(func(s *ringbid.Source) { s.Rate = 10_001 }), []string{"rate: 10001 is not between 0 and 10000"}},
	})
}

func TestHookIsChecked(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 101 {
		many[strings.Repeat("w", i+1)] = "contacted"
	}
	soundness(t, map[string]struct {
		doc  ringbid.Document
		want []string
	}{
		"sound": {&ringbid.Hook{Name: "news", Buyer: "acme", Preset: "standard", Secret: "01234567", Words: map[string]string{"won": "converted"}}, nil},
		"nothing": {&ringbid.Hook{}, []string{
			"buyer: is missing", `name: "" is not a name: 1 to 64 lower-case letters, digits, dots, dashes and underscores`, "secret: needs 8 to 512 characters"}},
		"words": {&ringbid.Hook{Name: "news", Buyer: "acme", Secret: "01234567", Words: many}, []string{"fields: has too many entries"}},
	})
}
