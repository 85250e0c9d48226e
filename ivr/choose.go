package ivr

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/ringbid/ringbid"
)

// hours goes on where it is open, else to closed.
func (w *walk) hours(n *ringbid.Node) way {
	if n.Hours.Open(w.r.now(), w.plan.zones[n.ID]) {
		return way{to: n.Next}
	}
	w.expect(closedNow(n.ID))
	return way{to: n.Closed, label: "closed"}
}

// branch takes the first case whose condition holds. A condition that cannot
// be evaluated does not hold.
func (w *walk) branch(n *ringbid.Node) way {
	known := w.facts.all()
	for i, c := range w.plan.conditions[n.ID] {
		ok, err := c.holds(known)
		if err != nil {
			w.log.Warn("condition not evaluated", "node", n.ID, "case", i, "error", err)
		}
		if ok {
			return way{to: n.Cases[i].Next, label: n.Cases[i].If}
		}
	}
	return way{to: n.Next}
}

// split sends a share of the callers each way, and the rest on. The same call
// goes the same way at the same node, on every machine.
func (w *walk) split(n *ringbid.Node) way {
	draw := percentile(w.inv.CallID, n.ID)
	for _, c := range n.Cases {
		if draw < c.Percent {
			return way{to: c.Next, label: strconv.Itoa(c.Percent) + " %"}
		}
		draw -= c.Percent
	}
	return way{to: n.Next}
}

// percentile draws 0 to 99 from the call and the node.
func percentile(call, node string) int {
	sum := sha256.Sum256([]byte(call + "\x00" + node))
	return int(binary.BigEndian.Uint64(sum[:8]) % 100)
}

// set sets tags. All texts are filled before any is set, so that their order
// does not matter.
func (w *walk) set(n *ringbid.Node) way {
	type tag struct {
		name, value string
		secret      bool
	}
	var filled []tag
	for _, name := range sortedNames(n.Set) {
		value, secret := w.facts.fill(n.Set[name])
		filled = append(filled, tag{name, value, secret})
	}
	for _, t := range filled {
		w.keep(n, t.name, t.value, t.secret)
	}
	return way{to: n.Next}
}
