package media

// normal returns the parameters with what is not possible replaced.
func (p Params) normal() Params {
	if p.Codec != PCMA && p.Codec != G722 {
		p.Codec = PCMU
	}
	if p.Ptime == 0 {
		p.Ptime = 20
	}
	p.Ptime = max(10, min(60, p.Ptime/10*10))
	p.MaxPtime = max(0, min(p.MaxPtime, 200))
	p.PT, p.RecvPT, p.DTMF, p.RecvDTMF = p.PT&0x7F, p.RecvPT&0x7F, p.DTMF&0x7F, p.RecvDTMF&0x7F
	if p.PT == 0 {
		p.PT = uint8(p.Codec)
	}
	if p.RecvPT == 0 {
		p.RecvPT = uint8(p.Codec)
	}
	return p
}

// adopt prepares the session for its codec, payload types and packet time.
func (st *session) adopt(old Params) {
	p := st.params
	st.voicePT = p.PT
	st.kinds = p.kinds()
	switch {
	case p.Codec != G722:
		st.wide = nil
	case st.wide == nil:
		st.wide = &wide{in: newG722Decoder(), out: newG722Encoder()}
	}
	if size := st.packetSamples(); size == frameSamples {
		st.stage, st.out.size = nil, 0
	} else if st.stage == nil || st.stage.size != size {
		st.stage, st.out.size = &stage{size: size}, uint32(size)
	}
	if p.Codec != old.Codec {
		st.listener = nil // it decodes anew
	}
	st.attend()
	st.reroute()
}

// kinds tells the payload types apart. What we said counts first; the payload
// types the peer said are understood as well, because some send those.
func (p Params) kinds() (out [128]payloadKind) {
	out[payloadCN] = noise
	if p.DTMF != 0 {
		out[p.DTMF] = keyPress
	}
	out[p.PT] = voice
	if p.RecvDTMF != 0 {
		out[p.RecvDTMF] = keyPress
	}
	out[p.RecvPT] = voice
	return out
}
