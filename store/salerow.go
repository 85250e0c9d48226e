package store

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Rows as the database's functions read them: members are named as the columns.

type offerRow struct {
	Purchase   purchaseRow   `json:"purchase"`
	Deliveries []deliveryRow `json:"deliveries"`
}

type purchaseRow struct {
	ID       string           `json:"id"`
	Lead     string           `json:"lead_id"`
	Buyer    string           `json:"buyer"`
	Target   string           `json:"target"`
	Name     string           `json:"name"`
	Bid      string           `json:"bid_id"`
	Rank     int              `json:"rank"`
	Place    int              `json:"place"`
	State    string           `json:"state"`
	Reason   string           `json:"reason"`
	Made     time.Time        `json:"made"`
	Partner  string           `json:"partner_id"`
	Currency string           `json:"currency"`
	Price    int64            `json:"price"`
	Revenue  int64            `json:"revenue"`
	Payout   int64            `json:"payout"`
	Rule     string           `json:"rule"`
	Recovery bool             `json:"recovery"`
	Uses     []ringbid.CapUse `json:"uses"`
	Ways     []ringbid.Way    `json:"ways"`
	Phone    string           `json:"phone"`
	Email    string           `json:"email"`
	Status   string           `json:"status"`
	Agent    string           `json:"agent"`
}

func newPurchaseRow(l *ringbid.Lead, o ringbid.Offer) purchaseRow {
	p := o.Purchase
	return purchaseRow{
		ID: p.ID, Lead: l.ID, Buyer: p.Buyer, Target: p.Target, Name: p.Name, Bid: clean(p.BidID), Rank: p.Rank, Place: p.Place, State: "pending",
		Made: p.Made.UTC(), Currency: or(p.Sale.Currency, ringbid.DefaultCurrency), Price: int64(p.Sale.Price), Recovery: p.Recovery,
		Uses: nonNil(o.Uses), Ways: nonNil(o.Ways), Phone: l.Facts["phone"], Email: strings.ToLower(l.Facts["email"]), Status: "new",
	}
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type deliveryRow struct {
	ID        string    `json:"id"`
	Lead      string    `json:"lead_id"`
	Purchase  *string   `json:"purchase_id"`
	Buyer     string    `json:"buyer"`
	Target    string    `json:"target"`
	Method    string    `json:"method"`
	Role      string    `json:"role"`
	N         int       `json:"n"`
	State     string    `json:"state"`
	Made      time.Time `json:"made"`
	Since     time.Time `json:"since"`
	Tries     int       `json:"tries"`
	Count     int       `json:"count"`
	Maybe     bool      `json:"maybe"`
	Claim     string    `json:"claim"`
	Partner   string    `json:"partner_id"`
	Code      string    `json:"code"`
	Reason    string    `json:"reason"`
	Exception bool      `json:"exception"`
}

func newDeliveryRow(d ringbid.Delivery, n int) deliveryRow {
	r := deliveryRow{
		ID: d.ID, Lead: d.Lead, Buyer: d.Buyer, Target: d.Target, Method: d.Method, Role: d.Role, N: n, State: "queued", Made: d.Made.UTC(), Since: d.Made.UTC(),
	}
	if d.Purchase != "" {
		r.Purchase = &d.Purchase
	}
	return r
}

// firstDeliveries are those a purchase begins with: all but its fallbacks.
func firstDeliveries(l *ringbid.Lead, o ringbid.Offer) []ringbid.Delivery {
	var out []ringbid.Delivery
	for _, w := range o.Ways {
		if w.Role != ringbid.RoleFallback {
			out = append(out, ringbid.Delivery{
				ID: ringbid.NewID(), Lead: l.ID, Purchase: o.Purchase.ID, Buyer: o.Purchase.Buyer, Target: o.Purchase.Target, Method: w.Method, Role: w.Role,
				Made: o.Purchase.Made,
			})
		}
	}
	return out
}

// leadRow is the row of a lead.
type leadRow struct {
	ID         string          `json:"id"`
	Node       string          `json:"node"`
	State      string          `json:"state"`
	Received   time.Time       `json:"received"`
	Source     string          `json:"source"`
	Campaign   string          `json:"campaign"`
	Publisher  string          `json:"publisher"`
	External   string          `json:"external_id"`
	Call       string          `json:"call_id"`
	Ping       string          `json:"ping_id"` // no column: used up with the lead
	Phone      string          `json:"phone"`
	Email      string          `json:"email"`
	Person     string          `json:"person"`
	Currency   string          `json:"currency"`
	Revenue    int64           `json:"revenue"`
	Payout     int64           `json:"payout"`
	Unpaid     bool            `json:"unpaid"`
	Recovered  bool            `json:"recovered"`
	ReasonCode string          `json:"reason_code"`
	ReasonText string          `json:"reason_text"`
	Words      string          `json:"words"`
	Body       json.RawMessage `json:"body"`
	Auction    json.RawMessage `json:"auction"`
}

// leadRow returns the row as JSON. The error is Invalid where it is too long.
func (s *Store) leadRow(l *ringbid.Lead) ([]byte, error) {
	bare := *l
	bare.Purchases, bare.Deliveries, bare.Auction = nil, nil, nil
	body, err := json.Marshal(bare)
	if err != nil {
		return nil, err
	}
	auction := []byte("null")
	if l.Auction != nil {
		if auction, err = json.Marshal(boundAuction(*l.Auction)); err != nil {
			return nil, err
		}
	}
	b, err := json.Marshal(leadRow{
		ID: l.ID, Node: or(l.Node, s.cfg.Node), State: string(l.State), Received: l.Received.UTC(), Source: l.Source, Campaign: l.Campaign,
		Publisher: l.Publisher, External: clean(l.External), Call: l.Call, Ping: clean(l.Ping), Phone: l.Facts["phone"], Email: strings.ToLower(l.Facts["email"]),
		Person: clean(Person(l)), Currency: or(l.Sale.Currency, ringbid.DefaultCurrency), Revenue: int64(l.Sale.Revenue), Payout: int64(l.Sale.Payout),
		Unpaid: l.Unpaid, Recovered: l.Recovered, ReasonCode: l.Reason.Code, ReasonText: cut(clean(l.Reason.Text), MaxText),
		Words: clean(leadWords(l)), Body: body, Auction: auction,
	})
	if err != nil {
		return nil, err
	}
	if b = scrubNUL(b); len(b) > MaxLead {
		return nil, ringbid.Errorf(ringbid.Invalid, "lead %s is longer than %d bytes", l.ID, MaxLead)
	}
	return b, nil
}
