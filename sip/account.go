package sip

import (
	"net/netip"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// accountsOf returns the trunks that take calls by digest, by username.
func accountsOf(t Trunks) map[string]*ringbid.Trunk {
	if a, ok := t.(Accounts); ok {
		return a.Accounts()
	}
	return nil
}

// prove finds the trunk by the credentials of an INVITE. Without good ones the
// ruling is what the caller gets, the same for users who exist and others.
//
// Who answers wrongly five times is locked out, for that username from that
// address; an attack on one username from many addresses locks out all of them
// but those that proved themselves before.
func (s *Server) prove(a *leg.Arrival, addr netip.Addr, accounts map[string]*ringbid.Trunk, who standing, now time.Time) (*ringbid.Trunk, leg.Ruling) {
	user, standing := s.door.authority.Check(a.Method, addr, a.Headers("Authorization"), func(user string) (string, bool) {
		t := accounts[user]
		if t == nil || len(t.From) > 0 && !t.Admits(addr) {
			return "", false
		}
		return t.Accept.Password.Reveal(), true
	})
	pair := addr.String() + " " + user
	_, locked := s.door.guesses.locked(pair, now)
	if _, siege := s.door.besieged.locked(user, now); siege && who != proven && who != carrier {
		locked = true
	}
	expendable := who == stranger || who == open
	switch {
	case locked && standing != leg.Unproven:
		s.m.probed("wrong_password")
		return nil, leg.Ruling{Code: 403, Delay: fastest, Expendable: expendable}
	case standing == leg.Proven:
		s.door.guesses.pardon(pair)
		if expendable {
			s.door.probes.pardon(addr.String())
		}
		s.filter.trust(addr)
		return accounts[user], leg.Ruling{}
	case standing == leg.Stale:
		return nil, leg.Ruling{Code: 401, Headers: s.door.authority.Challenge(addr, true)}
	}
	if standing == leg.Wrong {
		s.door.guesses.add(pair, 1, now)
		s.door.besieged.add(user, 1, now)
		s.probe(addr, "wrong_password", "", 3, now)
		return nil, leg.Ruling{Code: 401, Headers: s.door.authority.Challenge(addr, false), Delay: fastest, Expendable: expendable}
	}
	if expendable {
		s.probe(addr, "unproven", "", 0.5, now) // pardoned when the answer is right
	}
	return nil, leg.Ruling{Code: 401, Headers: s.door.authority.Challenge(addr, false)}
}
