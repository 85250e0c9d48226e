package leg

import (
	"strings"
	"testing"
	"time"
)

// notified takes the next NOTIFY, checks what it says and answers it.
func notified(t *testing.T, p *peer, status, state string, code int) msg {
	t.Helper()
	n := p.request("NOTIFY")
	if n.body != "SIP/2.0 "+status+"\r\n" || !strings.HasPrefix(n.get("Subscription-State"), state) {
		t.Fatalf("NOTIFY %q, %q; want %q, %q", n.body, n.get("Subscription-State"), status, state)
	}
	if n.get("Content-Type") != "message/sipfrag;version=2.0" || n.get("Contact") == "" {
		t.Errorf("NOTIFY with headers %q", n.headers)
	}
	p.answer(n, code, "", "")
	return n
}

func TestReferIsToldAndFollowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	u.do("REFER", "", `Refer-To: "Bob" <sip:%2B14155550177@pbx.example:5070;user=phone?Subject=x&Replaces=abc%40pbx%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>`,
		"Referred-By: <sip:agent@pbx.example>;cid=\"1@2\"")
	ev := c.want(ReferReceived)
	want := Refer{Scheme: "sip", User: "+14155550177", Host: "pbx.example", Port: 5070, Replaces: &DialogID{CallID: "abc@pbx", ToTag: "t1", FromTag: "f1"}}
	got := *ev.Refer
	if got.By.User != "agent" || got.By.Host != "pbx.example" {
		t.Errorf("Referred-By %+v", got.By)
	}
	if *got.Replaces != *want.Replaces {
		t.Errorf("Replaces %+v", got.Replaces)
	}
	if got.By, got.Replaces = (Party{}), want.Replaces; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	u.do("REFER", "", "Refer-To: <sip:other@pbx.example>")
	p.response(491, "REFER")
	c.on(func(l *Leg) { l.AcceptRefer() })
	if m := p.response(202, "REFER"); m.get("Contact") == "" || m.get("Refer-Sub") != "" {
		t.Errorf("202 %q", m.headers)
	}
	first := p.request("NOTIFY")
	c.on(func(l *Leg) {
		l.NotifyRefer(180, "")
		l.NotifyRefer(183, "")
		l.NotifyRefer(183, "")
	})
	if ev := first.get("Event"); ev != "refer;id=2" {
		t.Errorf("Event %q", ev)
	}
	p.answer(first, 200, "", "")
	notified(t, p, "183 Session Progress", "active;expires=", 200) // the 180 was old by then
	u.do("SUBSCRIBE", "", "Event: refer;id=2")
	p.response(200, "SUBSCRIBE")
	notified(t, p, "183 Session Progress", "active;expires=", 200)
	c.on(func(l *Leg) { l.NotifyRefer(486, "Busy Here") })
	notified(t, p, "486 Busy Here", "terminated;reason=noresource", 200)
	c.on(func(l *Leg) { l.NotifyRefer(200, "OK") }) // nobody listens any more
	p.silence(2*testT1, func(m msg) bool { return m.method() == "NOTIFY" })
	u.do("SUBSCRIBE", "", "Event: refer;id=2")
	p.response(481, "SUBSCRIBE")

	u.do("REFER", "", "Refer-To: sip:carol@pbx.example", "Refer-Sub: FALSE")
	if ev := c.want(ReferReceived); ev.Refer.User != "carol" || !ev.Refer.Silent {
		t.Errorf("got %+v", ev.Refer)
	}
	c.on(func(l *Leg) {
		l.AcceptRefer()
		l.NotifyRefer(200, "OK")
	})
	if m := p.response(202, "REFER"); m.get("Refer-Sub") != "false" {
		t.Errorf("202 %q", m.headers)
	}
	p.silence(2*testT1, func(m msg) bool { return m.method() == "NOTIFY" })

	h, _ := NewHeader("Reason", `SIP;cause=603;text="not here"`)
	u.do("REFER", "", "Refer-To: tel:+14155550177;ext=1")
	if ev := c.want(ReferReceived); ev.Refer.User != "+14155550177" || ev.Refer.Scheme != "tel" {
		t.Errorf("got %+v", ev.Refer)
	}
	c.on(func(l *Leg) { l.RefuseRefer(603, "Decline", h) })
	if m := p.response(603, "REFER"); m.get("Reason") != h.Value() {
		t.Errorf("603 %q", m.headers)
	}
	c.quiet(testT1)
}

func TestReferThatIsNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	tests := []struct {
		code    int
		headers []string
	}{
		{400, nil},
		{400, []string{"Refer-To: <sip:a@b>", "Refer-To: <sip:c@d>"}},
		{400, []string{"Refer-To: <sip:a@b>, <sip:c@d>"}},
		{400, []string{"Refer-To: junk"}},
		{400, []string{"Refer-To: <sip:a@b?Replaces=x>"}},
		{416, []string{"Refer-To: <https://a.example/>"}},
		{501, []string{"Refer-To: <sip:a@b;method=BYE>"}},
	}
	for _, tt := range tests {
		u.do("REFER", "", tt.headers...)
		p.response(tt.code, "REFER")
	}
	u.do("NOTIFY", "SIP/2.0 100 Trying\r\n", "Event: refer", "Subscription-State: active", "Content-Type: message/sipfrag")
	p.response(481, "NOTIFY")
	c.quiet(testT1)
}

func TestReferBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	c.on(func(l *Leg) { l.Progress(180, "", nil) })
	u.learn(p.response(180, "INVITE"))
	u.do("REFER", "", "Refer-To: <sip:a@b>")
	p.response(500, "REFER")
	c.quiet(testT1)
}

func TestPeerWhoRefersAndLeavesIsStillTold(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"told", "refuses", "owner leaves"} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := newPeer(t, r.udp)
			inv, c := connected(r, p)
			p.send(p.inDialog(inv, "b1", "REFER", 1, "", "Refer-To: <sip:a@b>"))
			c.want(ReferReceived)
			c.on(func(l *Leg) { l.AcceptRefer() })
			notified(t, p, "100 Trying", "active", 200)
			p.send(p.inDialog(inv, "b1", "BYE", 2, ""))
			p.response(200, "BYE")
			c.want(ByeReceived)
			c.on(func(l *Leg) { l.End(Cause{}) }) // changes nothing
			p.send(p.inDialog(inv, "b1", "INFO", 3, ""))
			p.response(481, "INFO")
			c.quiet(testT1)
			switch last {
			case "owner leaves":
				c.leave()
				r.s.Adopt(c.mailbox)
			case "refuses":
				c.on(func(l *Leg) { l.NotifyRefer(180, "") })
				notified(t, p, "180 Ringing", "active", 481)
				c.want(Terminated)
			default:
				c.on(func(l *Leg) { l.NotifyRefer(200, "OK") })
				notified(t, p, "200 OK", "terminated", 200)
				c.want(Terminated)
			}
			eventually(t, "the leg to be gone", func() bool { return c.leg.gone.Load() })
			p.silence(testT1, func(m msg) bool { return m.method() == "BYE" })
		})
	}
}

func TestByeFollowsTheLastNews(t *testing.T) {
	t.Parallel()
	for _, answers := range []bool{true, false} {
		r := newRig(t)
		p := newPeer(t, r.udp)
		inv, c := connected(r, p)
		p.send(p.inDialog(inv, "b1", "REFER", 1, "", "Refer-To: <sip:a@b>"))
		c.want(ReferReceived)
		c.on(func(l *Leg) { l.AcceptRefer() })
		notified(t, p, "100 Trying", "active", 200)
		c.on(func(l *Leg) { l.End(Cause{Code: 200}) })
		n := p.request("NOTIFY")
		if n.body != "SIP/2.0 487 Request Terminated\r\n" {
			t.Errorf("NOTIFY %q", n.body)
		}
		if answers {
			p.silence(testT1, func(m msg) bool { return m.method() == "BYE" })
			p.answer(n, 200, "", "")
		}
		p.answer(p.request("BYE"), 200, "", "")
		c.want(Terminated)
	}
}

func TestReplaces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	id := DialogID{CallID: u.id, ToTag: c.leg.localTag, FromTag: u.tag}
	early, other := id, id
	early.EarlyOnly, other.FromTag = true, "x"
	if l, owner := r.s.Find(id); l != c.leg || owner == nil {
		t.Fatal("the dialog is not found")
	}
	for d, code := range map[DialogID]int{id: 0, early: 486, other: 481} {
		c.on(func(l *Leg) {
			if got := l.Replaceable(d); got != code {
				t.Errorf("%s: %d, want %d", d, got, code)
			}
		})
	}
	if l, _ := r.s.Find(DialogID{CallID: "other", ToTag: id.ToTag, FromTag: id.FromTag}); l != nil {
		t.Error("found by another Call-ID")
	}
	second := p.uac()
	second.invite("Require: replaces", "Replaces: "+id.String())
	c2 := r.call()
	if got := c2.leg.Invite().Replaces; got == nil || *got != id {
		t.Errorf("Replaces %+v", got)
	}
	c.on(func(l *Leg) { l.End(Cause{}) })
	p.answer(p.request("BYE"), 200, "", "")
	c.want(Terminated)
	if l, owner := r.s.Find(id); l == nil || owner != nil || l.Replaceable(id) != 603 {
		t.Error("an ended dialog is not known any more")
	}
	for _, bad := range [][]string{{"Replaces: x"}, {"Replaces: " + id.String(), "Replaces: " + id.String()}} {
		u := p.uac()
		u.invite(bad...)
		p.response(400, "INVITE")
	}
}

func TestInviteThatReplaces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	r.dial(p, func(d *DialConfig) { d.Replaces = &DialogID{CallID: "a@b", ToTag: "1", FromTag: "2"} })
	if v := p.request("INVITE").get("Replaces"); v != "a@b;to-tag=1;from-tag=2" {
		t.Errorf("Replaces %q", v)
	}
	c := r.dial(p, func(d *DialConfig) { d.Replaces = &DialogID{CallID: "a@b\r\nX: y", ToTag: "1", FromTag: "2"} })
	c.want(Failed)
}

// TestLegChangesItsOwner holds that nothing is lost between two owners.
func TestLegChangesItsOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	c.on(func(l *Leg) { l.Release() })
	u.do("INFO", "5", "Content-Type: application/dtmf")
	c.quiet(testT1)
	next := newCall(t)
	next.leg = c.leg
	go next.run()
	t.Cleanup(next.leave)
	next.on(func(l *Leg) { l.Bind(next.mailbox) })
	next.want(InfoDigit)
	r.s.Adopt(c.mailbox) // the old owner goes
	p.silence(testT1, func(m msg) bool { return m.method() == "BYE" })
	next.on(func(l *Leg) { l.Release() })
	c.leg.Leave(Cause{Text: "nobody"})
	p.answer(p.request("BYE"), 200, "", "")
	eventually(t, "the leg to be gone", func() bool { return c.leg.gone.Load() })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// FuzzRefer reads the addresses of REFER and the dialogs of Replaces.
func FuzzRefer(f *testing.F) {
	f.Add(`"Bob" <sip:%2B1415@h.example:5070;user=phone?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only&Subject=x>`)
	f.Add("tel:+1415;ext=1")
	f.Add("a@b;to-tag=1;from-tag=2;early-only")
	f.Add("<sip:a@[::1]:70000?%zz=%zz&Replaces>")
	f.Fuzz(func(t *testing.T, v string) {
		if strings.Count(v, ";") > maxSeparators {
			return
		}
		if r, err := parseReferTo(v); err == nil {
			if !cleanText(r.User) || !cleanText(r.Host) || r.Scheme == "sip" && !hostOK(r.Host) {
				t.Fatalf("%q read as %+v", v, r)
			}
			if r.Replaces != nil && !r.Replaces.valid() {
				t.Fatalf("%q read as %+v", v, r.Replaces)
			}
		}
		if d, err := parseReplaces(v); err == nil {
			if again, err := parseReplaces(d.String()); err != nil || again != d {
				t.Fatalf("%q read as %+v, written as %q, read as %+v, %v", v, d, d.String(), again, err)
			}
		}
	})
}
