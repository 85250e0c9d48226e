package media

// stage collects the frames of 20 ms that we say ourselves into packets of the
// length the peer wants. A session whose peer wants 20 ms has none.
type stage struct {
	size int       // samples of a packet
	n    int       // samples that wait
	p    rtpPacket // the numbers they will go out under
	buf  [rtpHeaderLen + maxPacket + frameSamples]byte
}

// packetSamples is how many samples a packet of ours to this peer carries.
func (st *session) packetSamples() int {
	if st.params.Ptime == 0 {
		return frameSamples
	}
	return st.params.Ptime * samplesPerMS
}

// sayStaged takes the 20 ms in sh.frame, heard being what they sound like, and
// sends as many packets as are full.
func (st *session) sayStaged(sh *shard, src source, due int64, heard []byte, law Codec) {
	g := st.stage
	if !st.out.staged || st.out.src != src {
		g.n = 0
	}
	if g.n == 0 {
		g.p = st.out.stage(src, due)
	}
	if heard != nil {
		p := g.p
		p.ts += uint32(g.n)
		p.marker = p.marker && g.n == 0
		st.hear(sh, Tx, p, heard, law, due)
	}
	g.n += copy(g.buf[rtpHeaderLen+g.n:], sh.frame[rtpHeaderLen:])
	for g.n >= g.size {
		g.p.pt = st.voicePT
		putRTP(g.buf[:], g.p)
		st.transmit(sh, g.buf[:rtpHeaderLen+g.size])
		st.out.staged = false
		g.n = copy(g.buf[rtpHeaderLen:], g.buf[rtpHeaderLen+g.size:rtpHeaderLen+g.n])
		if g.n > 0 {
			g.p = st.out.stage(src, due)
		}
	}
}

// flushStage sends what waits as a short packet, at the end of a prompt.
func (st *session) flushStage(sh *shard) {
	g := st.stage
	if g == nil || g.n == 0 || !st.out.staged {
		return
	}
	g.p.pt = st.voicePT
	putRTP(g.buf[:], g.p)
	st.transmit(sh, g.buf[:rtpHeaderLen+g.n])
	st.out.span = uint32(g.n)
	g.n, st.out.staged = 0, false
}

// stage numbers a packet that is yet to be filled. If another source takes over
// before that, the number is taken back.
func (s *sender) stage(src source, due int64) rtpPacket {
	p := s.next(src, due)
	s.staged = true
	return p
}

// unstage takes the number of a packet back that was never sent.
func (s *sender) unstage() {
	if s.staged {
		s.staged = false
		s.seq--
	}
}
