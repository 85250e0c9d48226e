package sim

import (
	"time"

	"github.com/ringbid/ringbid"
)

// LeadSeen is one post as a lead buyer saw it.
type LeadSeen struct {
	Key    string // "" where the post named the lead nowhere
	At     time.Time
	Fields map[string]string // what is nested is named by its path, parted by dots
	// Kept says that the buyer took the lead with this post and will pay for it.
	Kept bool
	// Repeat says that the key had come before.
	Repeat bool
	// Status is what was answered, or was to be; 0 where the connection was reset.
	Status int
	// PingID is the ping the post belongs to, "" where it names none of ours.
	PingID string
	// LeadID and Price are the buyer's, of a lead that was accepted; Reason is why
	// it was not.
	LeadID string
	Price  ringbid.Money
	Reason string
	Fault  LeadFault
}

// LeadCount is what came to a lead buyer since it opened.
type LeadCount struct {
	Pings, Posts int
	Keys         int // keys not seen before
	Kept         int // leads taken, repeats that were taken again with them
	Revenue      ringbid.Money
}

// Bounds of what a house of lead buyers remembers.
const (
	maxLeads     = 100_000
	maxLeadBooks = 128 << 20 // bytes of posts
	maxLeadPings = 100_000
	maxLeadKey   = 200 // bytes
)

// leadRow is a post as it is kept: its body, which is smaller than its fields.
type leadRow struct {
	LeadSeen
	name, kind string
	body       []byte
}

// leadRecord is what is known of one key at one buyer.
type leadRecord struct {
	rows   int // that are remembered
	times  int
	kept   int
	answer *leadAnswer // the first that was decided
}

type leadKey struct{ name, key string }

type leadPing struct {
	name  string
	price ringbid.Money
}

// leadBook is the truth about what came; the latest posts and pings of all
// buyers. Its owner locks it.
type leadBook struct {
	rows    []leadRow
	bytes   int
	keys    map[leadKey]*leadRecord
	pings   map[string]leadPing
	pingIDs []string
	counts  map[string]LeadCount
	most    int
}

func newLeadBook() *leadBook {
	return &leadBook{keys: map[leadKey]*leadRecord{}, pings: map[string]leadPing{}, counts: map[string]LeadCount{}, most: maxLeads}
}

// record returns what is known of a key, and remembers it from now on.
func (b *leadBook) record(name, key string) *leadRecord {
	k := leadKey{name, key}
	if b.keys[k] == nil {
		b.keys[k] = &leadRecord{}
	}
	return b.keys[k]
}

// post notes a post, and forgets the oldest where there are too many.
func (b *leadBook) post(row leadRow) {
	rec := b.record(row.name, row.Key)
	count := b.counts[row.name]
	count.Posts++
	if rec.times == 0 || row.Key == "" {
		count.Keys++
	}
	rec.rows++
	rec.times++
	if row.Kept {
		rec.kept++
		count.Kept++
		count.Revenue += row.Price
	}
	b.counts[row.name] = count
	b.rows, b.bytes = append(b.rows, row), b.bytes+len(row.body)
	for len(b.rows) > b.most || b.bytes > maxLeadBooks && len(b.rows) > 1 {
		b.forget()
	}
}

// forget drops the oldest post, and its key with the last post of it.
func (b *leadBook) forget() {
	old := b.rows[0]
	b.rows[0] = leadRow{}
	b.rows, b.bytes = b.rows[1:], b.bytes-len(old.body)
	k := leadKey{old.name, old.Key}
	if rec := b.keys[k]; rec != nil {
		if rec.rows--; rec.rows <= 0 {
			delete(b.keys, k)
		}
	}
}

// ping notes a ping; id is "" where it was refused.
func (b *leadBook) ping(id string, p leadPing) {
	count := b.counts[p.name]
	count.Pings++
	b.counts[p.name] = count
	if id == "" {
		return
	}
	if len(b.pingIDs) >= maxLeadPings {
		delete(b.pings, b.pingIDs[0])
		b.pingIDs = b.pingIDs[1:]
	}
	b.pings[id], b.pingIDs = p, append(b.pingIDs, id)
}

// pinged finds the ping that a post names.
func (b *leadBook) pinged(name string, fields map[string]string) (string, ringbid.Money) {
	for _, f := range []string{"ping_id", "lp_ping_id", "bid_id", "lead_id"} {
		id := leadField(fields, f)
		if p, ok := b.pings[id]; ok && p.name == name {
			return id, p.price
		}
	}
	return "", 0
}

// leads returns the posts to a buyer, the oldest first, without their fields.
func (b *leadBook) leads(name string) []leadRow {
	var out []leadRow
	for _, row := range b.rows {
		if row.name == name {
			out = append(out, row)
		}
	}
	return out
}
