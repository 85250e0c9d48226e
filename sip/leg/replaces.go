package leg

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// DialogID names a dialog in a Replaces header (RFC 3891 section 6.1). The tags
// are those of the party the header is sent to: ToTag is its own.
type DialogID struct {
	CallID, ToTag, FromTag string
	EarlyOnly              bool // only if it was not answered yet
}

var errReplaces = errors.New("bad Replaces")

// parseReplaces reads the value of a Replaces header.
func parseReplaces(v string) (DialogID, error) {
	if len(v) > maxHeaderValue || !cleanText(v) {
		return DialogID{}, errReplaces
	}
	parts := strings.Split(v, ";")
	d := DialogID{CallID: strings.TrimSpace(parts[0])}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "to-tag":
			if d.ToTag != "" {
				return DialogID{}, fmt.Errorf("%w: two to-tags", errReplaces)
			}
			d.ToTag = value
		case "from-tag":
			if d.FromTag != "" {
				return DialogID{}, fmt.Errorf("%w: two from-tags", errReplaces)
			}
			d.FromTag = value
		case "early-only":
			d.EarlyOnly = true
		}
	}
	if !d.valid() {
		return DialogID{}, errReplaces
	}
	return d, nil
}

// valid reports whether the id can be written into a header.
func (d DialogID) valid() bool {
	return d.CallID != "" && len(d.CallID) <= 255 && cleanText(d.CallID) && !strings.ContainsAny(d.CallID, " ,;<>\"") &&
		isToken(d.ToTag) && isToken(d.FromTag) && len(d.ToTag) <= 255 && len(d.FromTag) <= 255
}

// String writes the value of a Replaces header.
func (d DialogID) String() string {
	v := d.CallID + ";to-tag=" + d.ToTag + ";from-tag=" + d.FromTag
	if d.EarlyOnly {
		v += ";early-only"
	}
	return v
}

// replacesOf reads the Replaces header of an INVITE: nil when there is none, or
// none that can be used.
func replacesOf(hs []Header) *DialogID {
	var found *DialogID
	for _, h := range hs {
		if !strings.EqualFold(h.name, "Replaces") {
			continue
		}
		d, err := parseReplaces(h.value)
		if err != nil || found != nil {
			return nil
		}
		found = &d
	}
	return found
}

// badReplaces reports whether an INVITE means to replace a call and says in no
// usable way which one.
func (r *Request) badReplaces() bool {
	_, given := r.Header("Replaces")
	return given && r.Replaces == nil
}

// Dialog names the dialog as a Replaces header to the peer of the leg does, or as
// one that the peer gives to a third party who is to come to us.
func (l *Leg) Dialog() DialogID {
	return DialogID{CallID: l.callID, ToTag: l.d.remoteTag(), FromTag: l.localTag}
}

// Find returns the leg that a Replaces header names by Call-ID and our tag, and
// its owner, who has to ask the leg itself. A leg that ended in
// the last half minute is found too, without an owner; nil when there is none.
func (s *Stack) Find(d DialogID) (*Leg, Owner) {
	s.mu.Lock()
	l := s.dialogs[d.ToTag]
	s.mu.Unlock()
	if l == nil || l.callID != d.CallID {
		return nil, nil
	}
	if l.gone.Load() {
		return l, nil
	}
	return l, l.in.owner()
}

// Replaceable says what an INVITE that wants to replace the leg gets (RFC 3891
// section 3): 0 when it may, 481 when it names another dialog, 486 when the leg
// is answered and the INVITE wants it only before, 603 when the leg has ended.
// A leg that still rings is not replaced: 481.
func (l *Leg) Replaceable(d DialogID) int {
	switch {
	case l.gone.Load():
		return 603
	case d.CallID != l.callID || d.ToTag != l.localTag || d.FromTag != l.d.remoteTag():
		return 481
	case l.ended, l.st == leaving, l.st == subscribed, l.st == done:
		return 603
	case l.st != confirmed && l.st != accepted:
		return 481
	case d.EarlyOnly:
		return 486
	}
	return 0
}

// Release takes the leg from its owner. What arrives waits until Bind gives it
// another one, or Leave gives it to the stack.
func (l *Leg) Release() {
	if l.gone.Load() {
		return
	}
	l.s.disown(l)
	l.in.bind(nil)
}

// Leave gives the leg to the stack, which ends it for the cause.
func (l *Leg) Leave(c Cause) {
	l.s.disown(l)
	l.abandon(c)
}

// disown takes the leg off the list of its owner.
func (s *Stack) disown(l *Leg) {
	o := l.in.owner()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disownLocked(l, o)
}

func (s *Stack) disownLocked(l *Leg, o Owner) {
	i := slices.Index(s.owners[o], l)
	if i < 0 {
		return
	}
	if legs := slices.Delete(s.owners[o], i, i+1); len(legs) > 0 {
		s.owners[o] = legs
	} else {
		delete(s.owners, o)
	}
}
