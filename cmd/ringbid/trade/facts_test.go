package trade

import (
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// TestFieldsOfTheLeadAreItsOwn delivers fields that have the names of what the
// platform adds: what the publisher sent arrives, also where that is nothing, and
// ours is there under names of its own.
func TestFieldsOfTheLeadAreItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("cars", sim.LeadBuying{})
	docs := basics("acme")
	rules := campaign(docs).Lead
	for _, n := range []string{"price", "campaign", "received", "target", "purchase_id"} {
		rules.Fields = append(rules.Fields, ringbid.LeadField{Name: n})
	}
	m := r.httpMethod("api", "cars", "")
	m.Map = "cars"
	fields := `[{"to":"lead_id","from":"lead_id"},{"to":"phone","from":"phone"},
		{"to":"price","from":"price"},{"to":"utm","from":"campaign"},{"to":"received","from":"received"},{"to":"target","from":"target"},{"to":"order","from":"purchase_id"},
		{"to":"paid","from":"our_price"},{"to":"market","from":"our_campaign"},{"to":"line","from":"our_target"},{"to":"purchase","from":"our_purchase_id"},{"to":"at","from":"our_received"}]`
	r.publish(slices.Concat(docs, buyer("acme", "20.00", m), []ringbid.Document{&ringbid.FieldMap{Name: "cars", Fields: ringbid.Raw(fields)}})...)

	all := person()
	for k, v := range map[string]string{"price": "17500", "campaign": "spring", "received": "by mail", "target": "family", "purchase_id": "A-1"} {
		all[k] = v
	}
	for name, c := range map[string]struct{ sent, want map[string]string }{
		"all of them": {all, map[string]string{"price": "17500", "utm": "spring", "received": "by mail", "target": "family", "order": "A-1"}},
		"none":        {person(), map[string]string{}},
	} {
		l := r.settle(r.post(c.sent, name).LeadID)
		seen := r.buyers.Leads("cars")
		got := seen[len(seen)-1].Fields
		want := map[string]string{"lead_id": l.ID, "phone": l.Facts["phone"], "paid": "20.00", "market": "solar", "line": "acme",
			"purchase": l.Purchases[0].ID, "at": l.Received.UTC().Format(time.RFC3339)}
		for k, v := range c.want {
			want[k] = v
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
