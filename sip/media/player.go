package media

// player reads a clip in frames of 20 ms.
type player struct {
	clip *Clip
	id   PlayID
	loop bool
	pos  int
}

// active reports whether something plays.
func (p *player) active() bool { return p.clip != nil }

// ended reports whether the last frame of a clip has had its time.
func (p *player) ended() bool {
	return p.clip != nil && p.pos >= len(p.clip.ulaw) && (!p.loop || len(p.clip.ulaw) == 0)
}

// frameG722 fills b with the next codes in G.722 and heard with the same audio
// in µ-law. While the clip is not encoded so far, both are silent.
func (p *player) frameG722(b, heard []byte, sh *shard) {
	codes := p.clip.inG722(sh.plane.encode)
	if len(codes) < min(len(p.clip.ulaw), p.pos+len(b)) {
		copy(b, sh.laws.quiet[:])
		for i := range heard {
			heard[i] = PCMU.silence()
		}
		return
	}
	at := p.pos
	p.frame(heard, PCMU)
	n := 0
	for n < len(b) {
		if at >= len(codes) {
			if !p.loop {
				break
			}
			at = 0
		}
		c := copy(b[n:], codes[at:])
		n += c
		at += c
	}
	copy(b[n:], sh.laws.quiet[n:])
}

// frame fills b with the next samples, in the law of codec, and silence behind
// the end of the clip.
func (p *player) frame(b []byte, codec Codec) {
	samples := p.clip.in(codec)
	n := 0
	for n < len(b) {
		if p.pos >= len(samples) {
			if !p.loop {
				break
			}
			p.pos = 0
		}
		c := copy(b[n:], samples[p.pos:])
		n += c
		p.pos += c
	}
	for ; n < len(b); n++ {
		b[n] = codec.silence()
	}
}
