package webtest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ringbid/ringbid"
)

// calls makes two dozen calls of the last hours, the rich one in front.
func calls(now time.Time) []ringbid.Call {
	r := rand.New(rand.NewPCG(7, 11))
	out := []ringbid.Call{rich(now.Add(-6 * time.Minute))}
	areas := []string{"212", "310", "415", "602", "702", "720", "801", "917", "206", "503"}
	at := now.Add(-9 * time.Minute)
	for i := 2; i <= 30; i++ {
		at = at.Add(-time.Duration(60+r.IntN(400)) * time.Second)
		caller := ringbid.Phone(fmt.Sprintf("+1%s555%04d", areas[r.IntN(len(areas))], 100+r.IntN(100)))
		out = append(out, plainCall(i, at, caller, r))
	}
	hostile := plainCall(31, at.Add(-time.Hour), "+12125550199", r)
	hostile.CallerName = `=HYPERLINK("http://x.example")<script>alert(1)</script>`
	hostile.Tags = ringbid.TagMap{"note": `<img src=x onerror=alert(1)>`, "zip": "' OR 1=1 --"}
	hostile.Sale, hostile.Buyer, hostile.Target, hostile.Connected, hostile.ConnectedMS = ringbid.Sale{}, "", "", nil, 0
	hostile.Outcome, hostile.Reason = ringbid.OutcomeRejected, ringbid.Reason{Code: "blocked", Text: `=cmd|' /C calc'!A0`}
	live := plainCall(32, now.Add(-40*time.Second), "+12125550177", r)
	live.State, live.Outcome, live.Reason, live.Ended, live.Sale, live.ConnectedMS = ringbid.StateLive, "", ringbid.Reason{}, nil, ringbid.Sale{Currency: "USD"}, 0
	return append(out, hostile, live)
}

func plainCall(i int, at time.Time, caller ringbid.Phone, r *rand.Rand) ringbid.Call {
	t := clock(at)
	c := ringbid.Call{
		ID: fmt.Sprintf("019a0000-0000-7000-8000-%012d", i), Node: "node-a", State: ringbid.StateEnded, Trunk: "carrier", Number: "+18005550100", Caller: caller,
		Campaign: "auto-insurance", Publisher: "brightleads", Flow: "auto", FlowVersion: 7, Received: at, Answered: t.ptr(200), Tags: ringbid.TagMap{"zip": fmt.Sprintf("%05d", 10000+r.IntN(89999))},
		Steps: []ringbid.Step{{Node: "welcome", Type: ringbid.NodeDisclose, At: t.at(250), MS: 3400}, {Node: "zip", Type: ringbid.NodeGather, At: t.at(3660), MS: 5200, Answer: "10001", Tries: 1}},
		Sale:  ringbid.Sale{Currency: "USD"},
	}
	if i%3 == 0 {
		c.Number, c.Publisher = "+18005550110", "searchco"
	}
	end := func(ms int64, o ringbid.Outcome, by, code, text string) {
		c.Outcome, c.EndedBy, c.Ended, c.Reason = o, by, t.ptr(ms), ringbid.Reason{Code: code, Text: text}
	}
	switch {
	case i%11 == 0:
		end(4100, ringbid.OutcomeAbandoned, "caller", "caller_hung_up", "the caller hung up")
	case i%7 == 0:
		end(31_000, ringbid.OutcomeNoBuyer, "ringbid", "no_buyer", "no buyer took the call")
		c.Legs = []ringbid.Leg{{ID: "x", Side: "buyer", Target: "northwind-auto", Started: t.at(9000), Ringing: t.ptr(9300), Ended: t.ptr(29_300), Verdict: ringbid.VerdictNoAnswer, Status: 408}}
	case i%13 == 0:
		c.Steps, c.Answered = nil, nil
		end(12, ringbid.OutcomeRejected, "ringbid", "spam", "called the same number 1 s ago")
	case i == 17:
		end(20_000, ringbid.OutcomeLost, "ringbid", "node_lost", "node lost")
	default:
		bridgedCall(&c, t, i, r)
	}
	return c
}

func bridgedCall(c *ringbid.Call, t clock, i int, r *rand.Rand) {
	buyers := []struct {
		buyer, target string
		price         float64
	}{{"keystone-insurance", "keystone-agents", 38}, {"northwind", "northwind-auto", 22}, {"orchard-mutual", "orchard-agents", 31.5}}
	b := buyers[i%3]
	talk := int64(8_000 + r.IntN(420_000))
	c.Outcome, c.EndedBy, c.Reason = ringbid.OutcomeBridged, "caller", ringbid.Reason{Code: "caller_hung_up", Text: "the caller hung up"}
	c.Connected, c.Ended, c.ConnectedMS = t.ptr(14_000), t.ptr(14_000+talk), talk
	c.Buyer, c.Target = b.buyer, b.target
	c.Sale.Price = dollars(b.price)
	if talk < 30_000 {
		c.Sale.Rule = fmt.Sprintf("not paid: connected %.1f s, needs 30.0 s", float64(talk)/1000)
		return
	}
	c.Sale.Converted, c.Sale.Revenue, c.Sale.Payout = true, dollars(b.price), dollars(b.price*0.65)
	c.Sale.Rule = fmt.Sprintf("paid: connected %.1f s, needs 30.0 s; publisher earns 65 %% of revenue", float64(talk)/1000)
}
