package media

// rekeyGrace is how long the key before the present one still opens packets: a
// peer goes on with it until it has read the answer.
const rekeyGrace = int64(5e9)

// protection is how the packets of a stream are sealed and opened; both nil for
// plain RTP.
type protection struct {
	seal  *sealer
	open  *opener
	old   *opener // the key before
	until int64   // when old is void
	by    *opener // what opened the last packet

	forged, replayed uint64
}

// newProtection makes what Params asks for, or says what is wrong with a key.
func newProtection(p Params) (out protection, err error) {
	if p.Seal != nil {
		if out.seal, err = newSealer(*p.Seal); err != nil {
			return protection{}, err
		}
	}
	if p.Open != nil {
		out.open, err = newOpener(*p.Open)
	}
	return out, err
}

// protect changes the keys. One that stays the same goes on where it is: a
// stream is not renumbered by a hold.
func (st *session) protect(sh *shard, p protection, moved bool) {
	g := &st.guard
	same := g.seal != nil && p.seal != nil && g.seal.key.same(&p.seal.key)
	switch {
	case same && !(moved && g.seal.sent.wraps() > 0):
	case same:
		st.renumber(sh) // whoever is there now counts from 0
	default:
		if g.seal != nil && p.seal != nil && g.seal.sent.wraps() > 0 {
			st.renumber(sh)
		}
		g.seal = p.seal
	}
	if g.open != nil && p.open != nil && g.open.key.same(&p.open.key) {
		return
	}
	if g.open != nil && p.open != nil {
		p.open.inherit(g.open)
		g.old, g.until = g.open, sh.now+rekeyGrace
	}
	if p.open == nil {
		g.old = nil
	}
	g.open = p.open
}

// renumber goes on as another source. Receivers disagree whether a new key
// resets the count of wraps (RFC 3711 section 3.3.1 says no); for a new source
// it is 0 for all of them.
func (st *session) renumber(sh *shard) {
	o := &st.out
	o.ssrc, o.seq = sh.random.Uint32(), firstSeq(sh.random.Uint32())
	o.packetsBefore, o.bytesBefore = o.packets, o.bytes
	if o.src != fromNowhere {
		o.src = fromSilence // so that a relayed source is mapped afresh
	}
	if st.guard.seal != nil {
		st.guard.seal.sent = window{}
	}
}

// firstSeq is a sequence number to begin with, 0 to 32767: were the first
// packets lost, a wrap among them would go unnoticed (RFC 3711 section 3.3.1).
func firstSeq(random uint32) uint16 { return uint16(random) >> 1 }

// unseal opens the n bytes in sh.buf in place; 0 for what is not the peer's.
func (st *session) unseal(sh *shard, n int) int {
	g := &st.guard
	if n == len(sh.buf) {
		return n // cut off
	}
	size, v := g.open.open(sh.sealed[:], sh.buf[:n])
	g.by = g.open
	if v == forged && g.old != nil {
		if sh.now > g.until {
			g.old = nil
		} else if size, v = g.old.open(sh.sealed[:], sh.buf[:n]); v == opened {
			g.by = g.old
		}
	}
	return st.verdict(sh, size, v)
}

// unsealReport is unseal for RTCP.
func (st *session) unsealReport(sh *shard, n int) int {
	g := &st.guard
	if g.open == nil || n == len(sh.buf) {
		return n
	}
	size, v := g.open.openReport(sh.sealed[:], sh.buf[:n])
	if v == forged && g.old != nil && sh.now <= g.until {
		size, v = g.old.openReport(sh.sealed[:], sh.buf[:n])
	}
	return st.verdict(sh, size, v)
}

func (st *session) verdict(sh *shard, size int, v openVerdict) int {
	switch v {
	case opened:
		return size
	case replayed:
		st.guard.replayed++
		sh.count.replayed.Add(1)
	default:
		st.guard.forged++
		sh.count.forged.Add(1)
	}
	return 0
}

// suites names the protection of each direction.
func (g *protection) suites() (seal, open Suite) {
	if g.seal != nil {
		seal = g.seal.key.Suite
	}
	if g.open != nil {
		open = g.open.key.Suite
	}
	return seal, open
}
