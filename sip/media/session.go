package media

import (
	"net/netip"
	"time"
)

// quietAfter is how long a bridged source may say nothing before comfort
// silence takes its place.
const quietAfter = int64(time.Second)

// session is the state of a stream. Only the thread of its shard touches it.
type session struct {
	s       *Stream
	pair    portPair
	armed   bool // the engine of the shard watches the sockets
	placed  bool // in the tables of the shard
	ended   bool
	faulty  bool // has caused a panic
	slot    int
	backlog *node[command]

	params    Params
	latch     latch
	connected bool      // the kernel drops what is not from the peer
	to, toRTC *sockaddr // where to send; nil = nowhere
	guard     protection
	wrapped   bool // packets may be SRTP, or RTCP: see unwrap
	told      bool // RTCP has been sent

	rx       reception
	keypad   keypad
	waiting  int64 // since when packets are waited for
	inactive bool

	kinds    [128]payloadKind // of what the peer sends, by payload type
	voicePT  uint8            // of the voice we send
	noise    bool             // the peer's last packet was comfort noise
	wide     *wide            // nil unless the codec is G.722
	listener *listener        // nil when nobody listens to what the peer says

	out        sender
	stage      *stage // nil for packets of 20 ms
	route      route  // to peer
	player     player
	dialler    dialler
	peer       *session
	peerAt     int64  // last packet of the bridged peer
	bridgeTurn uint64 // counts Bridge and Unbridge, so that a delayed one can tell that it is void

	desk     *desk // of a supervised call, nil else
	seat     seat
	deskTurn uint64 // counts Supervise, as bridgeTurn does

	watcher  Watcher
	tap      Tap
	tapStart int64
	rxAlign  aligner
	txAlign  aligner

	stats  tally // what is not counted in rx and out
	rtcpAt int64
}

// apply takes new parameters over.
func (st *session) apply(sh *shard, p Params, keys protection) {
	p = p.normal()
	p.Remote = netip.AddrPortFrom(p.Remote.Addr().Unmap().WithZone(""), p.Remote.Port())
	also := make([]netip.Addr, 0, len(p.AlsoFrom))
	for _, a := range p.AlsoFrom {
		also = append(also, a.Unmap().WithZone(""))
	}
	p.AlsoFrom = also
	if !st.params.Recv || st.params.Timeout != p.Timeout {
		st.waiting, st.inactive = sh.now, false
	}
	p.RTCP = netip.AddrPortFrom(p.RTCP.Addr().Unmap().WithZone(""), p.RTCP.Port())
	old := st.params
	st.params = p
	st.adopt(old)
	moved := st.latch.aim(p.Remote, also, p.Signalled, sh.now)
	st.protect(sh, keys, moved)
	st.wrapped = st.guard.open != nil || p.Mux
	if moved || p.RTCP != old.RTCP || p.Mux != old.Mux {
		st.direct()
	}
	if moved {
		st.waiting, st.inactive = sh.now, false
		st.open()
	}
	if st.rtcpAt == 0 {
		st.rtcpAt = sh.now + sh.reportInterval()/2 // RFC 3550 section 6.2
	}
}

// open lets the socket hear everybody; the latch decides.
func (st *session) open() {
	if st.connected {
		connectUDP(st.pair.rtp, nil)
		st.connected = false
	}
}

// confine lets the socket hear only the present target.
func (st *session) confine() {
	if st.to != nil && !st.connected {
		st.connected = connectUDP(st.pair.rtp, st.to)
	}
}

// direct sends to the present target from now on.
func (st *session) direct() {
	st.to, st.toRTC = nil, nil
	target := st.latch.target()
	if !st.params.reachable() || target.Addr().Is4() != st.s.local.Addr().Is4() {
		return
	}
	st.to = newSockaddr(target)
	if report := st.reportTarget(target); report.Port() != 0 {
		st.toRTC = newSockaddr(report)
	}
}

// reportTarget is where RTCP goes while RTP goes to target; port 0 = nowhere.
func (st *session) reportTarget(target netip.AddrPort) netip.AddrPort {
	p := st.params
	switch {
	case p.Mux:
		return target
	case target == p.Remote && p.RTCP.IsValid() && p.RTCP.Addr().Is4() == target.Addr().Is4():
		return p.RTCP
	}
	return netip.AddrPortFrom(target.Addr(), target.Port()+1) // 65535 has none
}

// settle follows a source that has just been latched: packets go there, and
// the kernel drops whatever comes from elsewhere.
func (st *session) settle(sh *shard) {
	st.open()
	st.direct()
	st.confine()
	st.rxAlign.set = false
	st.emit(sh, Event{Kind: Latched})
}

// sending reports whether audio may be sent.
func (st *session) sending() bool { return st.params.Send && st.to != nil }

// busy reports whether something of our own takes precedence over the bridge.
func (st *session) busy() bool { return st.player.active() || st.dialler.sounding() }

// transmit sends one packet, header included.
func (st *session) transmit(sh *shard, b []byte) {
	to := st.to
	if st.connected {
		to = nil
	}
	wire := b
	if st.guard.seal != nil {
		size, ok := st.guard.seal.seal(sh.sealed[:], b)
		if !ok {
			st.stats.LateDrops++
			sh.count.late.Add(1)
			return
		}
		wire = sh.sealed[:size]
	}
	if !sh.eng.send(st.pair.rtp, wire, to) {
		st.stats.SendErrors++
		sh.count.sendErrors.Add(1)
		return
	}
	if st.watcher != nil {
		st.watched(sh, Tx, b)
	}
	n := uint64(len(b) - rtpHeaderLen)
	st.out.packets++
	st.out.bytes += n
	sh.count.sent.Add(1)
}

// emit hands an event to the owner of the stream, who must have room for it.
func (st *session) emit(sh *shard, ev Event) {
	if st.s.events == nil {
		return
	}
	ev.Stream, ev.At = st.s, time.Now()
	select {
	case st.s.events <- ev:
	default:
		st.stats.EventsLost++
		sh.count.eventsLost.Add(1)
	}
}

// bridge joins two sessions of the same shard.
func (st *session) bridge(peer *session) {
	if st.peer == peer {
		return
	}
	st.unbridge()
	peer.unbridge()
	st.peer, peer.peer = peer, st
	st.invite(peer)
	peer.invite(st)
	st.peerAt, peer.peerAt = 0, 0
	st.reroute()
}

func (st *session) unbridge() {
	if peer := st.peer; peer != nil {
		st.dismiss()
		peer.dismiss()
		st.peer, peer.peer = nil, nil
	}
}

// invite seats the peer of a supervised agent.
func (st *session) invite(peer *session) {
	if st.desk != nil && st.seat == seatAgent && peer.desk == nil {
		st.desk.sit(seatCaller, peer)
	}
}

// dismiss frees the seat that a bridge gave.
func (st *session) dismiss() {
	if st.desk != nil && st.seat == seatCaller {
		st.desk.rise(seatCaller)
	}
}

// mixed reports whether the session hears a mix instead of the relay.
func (st *session) mixed() bool { return st.desk != nil && st.desk.mixes(st.seat) }

// attach starts or ends a tap; its clock starts at a time of the shard's.
func (st *session) attach(t Tap, at int64) {
	st.tap, st.tapStart = t, at
	st.rxAlign, st.txAlign = aligner{}, aligner{}
	st.attend()
}

// hear gives audio to the tap. The samples are converted on the side, because
// they may yet be relayed.
func (st *session) hear(sh *shard, ch Channel, p rtpPacket, samples []byte, codec Codec, at int64) {
	if st.tap == nil || len(samples) == 0 {
		return
	}
	align := &st.rxAlign
	if ch == Tx {
		align = &st.txAlign
	}
	pos := align.place(p.ts, p.marker, max(0, at-st.tapStart)/nsPerSample)
	if codec == PCMA {
		samples = sh.scratch[:copy(sh.scratch[:], samples)]
		sh.laws.convert(samples, PCMU)
	}
	st.tap.Frame(ch, pos, samples)
}

// snapshot fills in the counters.
func (st *session) snapshot() Stats {
	out := st.stats.stats()
	out.Local, out.Remote = st.s.local, st.latch.target()
	out.Latched = st.latch.current.IsValid()
	out.Received, out.ReceivedBytes = st.rx.packets, st.rx.bytes
	out.Sent, out.SentBytes = st.out.packets, st.out.bytes
	out.Forged, out.Replayed = st.guard.forged, st.guard.replayed
	out.Sealed, out.Opened = st.guard.suites()
	out.Lost, out.Jitter = st.rx.lost(), st.rx.jitterTime()
	out.JitterMean, out.JitterMax = asTime(st.rx.jitterMean()), asTime(st.rx.jitterTop)
	out.LostRuns = st.rx.runs
	out.First, out.Last = st.s.plane.wall(st.rx.first), st.s.plane.wall(st.rx.last)
	return out
}

// end says goodbye, closes the sockets and sends the port to rest.
func (st *session) end(sh *shard) {
	if st.ended {
		return
	}
	st.ended = true
	st.unbridge()
	st.leave(sh)
	if sh != nil {
		st.sayBye(sh)
		sh.remove(st)
	}
	p := st.s.plane
	bind := p.config.family(st.s.local.Addr()).bind
	keep := sh != nil && p.ports.room(bind)
	if keep {
		sh.disarm(st)
	}
	p.ports.retire(st.pair, bind, keep)
	st.tap = nil
	p.forget(st.s)
}
