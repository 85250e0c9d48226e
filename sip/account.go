package sip

import (
	"net/netip"
	"strings"
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
	user, standing := s.door.authority.Check(a.Method, addr, a.Headers("Authorization"), func(user, algorithm string) (string, bool) {
		t := accounts[user]
		if t == nil || !mayProve(t, addr) || !t.Accept.Takes(algorithm) {
			return "", false
		}
		return t.Accept.Password.Reveal(), true
	})
	challenge := func(stale bool) []leg.Header {
		return s.door.authority.Challenge(addr, stale, algorithms(accounts, addr)...)
	}
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
		return nil, leg.Ruling{Code: 401, Headers: challenge(true)}
	}
	if standing == leg.Wrong {
		s.door.guesses.add(pair, 1, now)
		s.door.besieged.add(user, 1, now)
		s.probe(addr, "wrong_password", "", 3, now)
		return nil, leg.Ruling{Code: 401, Headers: challenge(false), Delay: fastest, Expendable: expendable}
	}
	if expendable {
		s.probe(addr, "unproven", "", 0.5, now) // pardoned when the answer is right
	}
	return nil, leg.Ruling{Code: 401, Headers: challenge(false)}
}

// mayProve reports whether the trunk's caller may come from the address.
func mayProve(t *ringbid.Trunk, addr netip.Addr) bool { return len(t.From) == 0 || t.Admits(addr) }

// algorithms returns what to offer a caller who has not said yet who it is:
// what every account takes that may come from there, or else all that any does.
// MD5 goes first. RFC 8760 section 2.4 wants the stronger one there, but callers
// that know MD5 alone often look at the first challenge only, and those that
// know better look for the better.
func algorithms(accounts map[string]*ringbid.Trunk, addr netip.Addr) (offer []string) {
	every, any := []string{}, []string{}
	for _, name := range []string{"MD5", "SHA-256"} {
		all, some := true, false
		for _, t := range accounts {
			if mayProve(t, addr) {
				takes := t.Accept.Takes(strings.ToLower(name))
				all, some = all && takes, some || takes
			}
		}
		if all {
			every = append(every, name)
		}
		if some {
			any = append(any, name)
		}
	}
	if len(every) > 0 {
		return every
	}
	return any
}
