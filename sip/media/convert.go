package media

// route is what has to be done to a packet on its way from a session to its
// bridged peer. It is decided when they are bridged or agree on something new.
type route struct {
	min, span uint // payloads of min to min+span bytes keep their length
	work      work
	pack      *repacker // for the others
}

// work is what happens to the samples.
type work uint8

const (
	asIs       work = iota // G.711, the same law
	lawToLaw               // G.711, the other law
	wideAsIs               // G.722 both sides: decoded for a tap only
	wideToLaw              // G.722 to G.711
	lawToWide              // G.711 to G.722
	anyPayload = 1 << 16
)

// wide is the G.722 state of a session: what the peer says, in the order it
// arrives, and what the peer is told.
type wide struct {
	in  g722Decoder
	out g722Encoder
}

// reroute decides about both directions of a bridge.
func (st *session) reroute() {
	if peer := st.peer; peer != nil {
		st.route, peer.route = st.routeTo(peer), peer.routeTo(st)
	}
}

func (st *session) routeTo(peer *session) route {
	r := route{min: 1, span: anyPayload, work: workOf(st.params.Codec, peer.params.Codec)}
	if p := peer.params; p.Strict {
		size := uint(peer.packetSamples())
		r.min, r.span = size, 0
		if p.MaxPtime > 0 {
			r.min, r.span = 1, uint(p.MaxPtime*samplesPerMS)-1
		}
		r.pack = &repacker{size: int(size)}
	}
	return r
}

func workOf(from, to Codec) work {
	switch {
	case from == G722 && to == G722:
		return wideAsIs
	case from == G722:
		return wideToLaw
	case to == G722:
		return lawToWide
	case from != to:
		return lawToLaw
	}
	return asIs
}

// convert rewrites the samples of a voice packet in place for the peer, and
// lets the peer's tap hear them. out holds the numbers they go out under.
func (st *session) convert(sh *shard, out rtpPacket, samples []byte) {
	peer := st.peer
	switch st.route.work {
	case lawToLaw:
		sh.laws.convert(samples, peer.params.Codec)
	case wideAsIs:
		if peer.tap != nil {
			peer.hear(sh, Tx, out, st.plain(sh, samples), PCMU, sh.now)
		}
		return
	case wideToLaw:
		copy(samples, st.plain(sh, samples))
		if peer.params.Codec == PCMA {
			sh.laws.convert(samples, PCMA)
		}
	case lawToWide:
		peer.hear(sh, Tx, out, samples, st.params.Codec, sh.now)
		peer.encodeG722(sh, samples, st.params.Codec)
		return
	}
	peer.hear(sh, Tx, out, samples, peer.params.Codec, sh.now)
}

// plain decodes what the peer said in G.722 into µ-law, once a packet whoever
// asks for it.
func (st *session) plain(sh *shard, codes []byte) []byte {
	out := sh.spoken[:len(codes)]
	if sh.decoded {
		return out
	}
	sh.decoded = true
	for i, c := range codes {
		out[i] = EncodeULaw(st.wide.in.decode(c))
	}
	return out
}

// encodeG722 turns samples of a law into G.722 for the session's peer, in place.
func (st *session) encodeG722(sh *shard, samples []byte, law Codec) {
	if law == PCMA {
		sh.laws.convert(samples, PCMU)
	}
	for i, u := range samples {
		samples[i] = st.wide.out.encode(sh.laws.linear[u])
	}
}
