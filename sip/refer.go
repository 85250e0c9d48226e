package sip

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// maxTransfers bounds how many transfers are kept with one talk, the refused
// ones among them.
const maxTransfers = 20

// transfers is what the agents of the present buyer may do: what the target
// says, else what its trunk says.
func (c *Call) transfers() *ringbid.Transfers {
	if d := c.dialled.Target; d != nil && d.Transfers != nil {
		return d.Transfers
	}
	if c.talk != nil && c.talk.trunk != nil {
		return c.talk.trunk.Transfers
	}
	return nil
}

// referred decides about a party that wants the other one sent elsewhere. Only
// the agent of a talk may, and only as its target or trunk allows.
func (c *Call) referred(s *side, ask leg.Refer) {
	kind := ringbid.TransferBlind
	if ask.Replaces != nil {
		kind = ringbid.TransferAttended
	}
	record := ringbid.Transfer{At: time.Now(), Kind: kind, By: s.report.ID, To: masked(ask.User)}
	t, code := c.mayTransfer(s)
	if code == "" {
		code = c.mayGo(s, ask)
	}
	if code != "" {
		why := reason(code)
		h, _ := leg.NewHeader("Reason", fmt.Sprintf("SIP;cause=%d;text=%q", why.SIP, why.Text)) // a constant text
		s.leg.RefuseRefer(why.SIP, "", h)
		record.Verdict, record.Status, record.Text = ringbid.VerdictRefused, why.SIP, why.Text
		c.transferred(t, s, record)
		return
	}
	s.leg.AcceptRefer()
	t.moves++
	t.transfer = &transfer{t: t, from: s, ask: ask, record: record}
	t.transfer.begin(c)
}

// mayTransfer checks who asks and whether one more transfer is allowed; "" when
// it is. The task is that of the talk, nil when there is none.
func (c *Call) mayTransfer(s *side) (*bridgeTask, string) {
	t, ok := c.task.(*bridgeTask)
	switch {
	case !ok || s != c.talk || s.ended:
		return nil, codeNoTalk
	case c.transfers().Refused():
		return t, codeNoTransfers
	case t.transfer != nil:
		return t, codeTransferPending
	case t.moves >= c.transfers().Limit():
		return t, codeTooManyTransfers
	}
	return t, ""
}

// mayGo checks where the caller is to be sent. The place of a dialog of ours was
// reached already; anything else has to be a number or user that is allowed, at
// a host that is a trunk's or ours: the host is read, never called.
func (c *Call) mayGo(s *side, ask leg.Refer) string {
	if ask.Replaces != nil {
		if l, _ := c.s.stack.Find(*ask.Replaces); l != nil {
			return ""
		}
	}
	switch {
	case !c.transfers().Permits(ask.User):
		return codeNotPermitted
	case !c.hostOfTrunk(s, ask):
		return codeForeignHost
	case c.request.MaxForwards <= 1:
		return codeLoop
	}
	return ""
}

// hostOfTrunk reports whether the address names no other host than the agent's
// trunk, the trunk that transfers go out by, the agent's own machine, or ours.
func (c *Call) hostOfTrunk(s *side, ask leg.Refer) bool {
	if ask.Scheme == "tel" {
		return true
	}
	known := []string{c.s.hostOf(s.trunk.Transport, s.leg.Source().Addr()), s.leg.Source().Addr().String(), s.expected.String()}
	for _, l := range c.s.stack.Addrs() {
		host, _, _ := net.SplitHostPort(l.Addr)
		known = append(known, host)
	}
	for _, name := range []string{s.trunk.Name, c.transfers().Trunk} {
		if trunk, ok := c.s.cfg.Trunks.Named(name); ok && trunk.Address != "" {
			host, _, _ := trunk.HostPort()
			known = append(known, host)
		}
	}
	for _, k := range known {
		if strings.EqualFold(k, ask.Host) {
			return true
		}
	}
	return false
}

// transferred keeps and tells what became of a wish to transfer. t is nil when
// there was no talk.
func (c *Call) transferred(t *bridgeTask, s *side, r ringbid.Transfer) {
	r.MS = time.Since(r.At).Milliseconds()
	if len(s.report.Transfers) < maxTransfers {
		s.report.Transfers = append(s.report.Transfers, r)
	}
	if t != nil && len(t.talk.Transfers) < maxTransfers {
		t.talk.Transfers = append(t.talk.Transfers, r)
	}
	c.s.m.moved(r)
	c.tellTransfer(r)
	c.log.Info("caller transferred", slog.String("kind", r.Kind), slog.String("to", r.To), slog.String("leg", r.By),
		slog.String("verdict", string(r.Verdict)), slog.Int("status", r.Status), slog.String("text", r.Text))
}

// tellTransfer sends the event of a transfer; one that begins has no verdict.
func (c *Call) tellTransfer(r ringbid.Transfer) {
	data := map[string]string{"kind": r.Kind, "to": r.To, "verdict": string(r.Verdict)}
	text := "transfer to " + r.To + " begins"
	if r.Verdict != "" {
		text = "transfer to " + r.To + ": " + string(r.Verdict)
	}
	if r.Status > 0 {
		data["status"] = itoa(r.Status)
	}
	c.emit(ringbid.Event{Kind: ringbid.EventTransfer, Leg: r.By, Text: text, Data: data})
}

// masked shows a number as logs do, and a SIP user as it is, if it is one.
func masked(user string) string {
	if p, err := ringbid.ParsePhone(user); err == nil {
		return p.Mask()
	}
	if !ringbid.SIPUser(user) {
		return "?"
	}
	return user
}
