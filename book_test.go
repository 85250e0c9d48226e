package ringbid_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

func TestBookFindsProblems(t *testing.T) {
	t.Parallel()
	_, problems := ringbid.NewBook([]ringbid.Document{
		&ringbid.Buyer{Name: "acme"},
		&ringbid.Buyer{Name: "acme"},
		&ringbid.Target{Name: "desk", Buyer: "nobody", Trunk: "none", User: "a", Agents: []string{"ann"}},
		&ringbid.Number{Name: "one", Number: "+18005550100", Campaign: "auto"},
		&ringbid.Number{Name: "two", Number: "+18005550100", Campaign: "auto"},
	})
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{
		"Buyer/acme: stands twice",
		"Number/one: campaign: there is no Campaign/auto",
		"Number/two: campaign: there is no Campaign/auto",
		"Number/two: number: is already Number/one",
		"Target/desk: agents[0]: there is no User/ann",
		"Target/desk: buyer: there is no Buyer/nobody",
		"Target/desk: trunk: there is no Trunk/none",
	}, got); d != "" {
		t.Error(d)
	}
}

func TestBuyings(t *testing.T) {
	t.Parallel()
	book, _ := ringbid.NewBook([]ringbid.Document{
		&ringbid.Buyer{Name: "acme"},
		&ringbid.Target{Name: "desk", Buyer: "acme"},
		&ringbid.Target{Name: "line", Buyer: "acme"},
		&ringbid.Bidder{Name: "bot", Target: "line"},
		&ringbid.Campaign{Name: "auto", Routes: []ringbid.Route{{Bidder: "bot", Priority: 3}, {Target: "desk", Weight: 7}}},
		&ringbid.User{Name: "zoe", Role: ringbid.RoleAgent, Buyer: "acme"},
		&ringbid.User{Name: "ann", Role: ringbid.RoleAgent, Buyer: "acme"},
		&ringbid.User{Name: "off", Role: ringbid.RoleAgent, Buyer: "acme", Disabled: true},
		&ringbid.User{Name: "other", Role: ringbid.RoleAgent, Buyer: "else"},
	})
	got := book.Buyings("auto")
	if len(got) != 2 || got[0].Name() != "bot" || got[0].Target.Name != "line" || got[0].Buyer.Name != "acme" ||
		got[0].Route.Priority != 3 || got[0].Route.Weight != 100 ||
		got[1].Name() != "desk" || got[1].Bidder != nil || got[1].Route.Priority != 10 || got[1].Route.Weight != 7 {
		t.Errorf("got %+v", got)
	}
	if book.Buyings("none") != nil {
		t.Error("an unknown campaign has buyers")
	}
	if d := cmp.Diff([]string{"ann", "zoe"}, book.AgentsOf("desk")); d != "" {
		t.Error(d)
	}
}
