package sdp

// Offer writes a description that offers every codec of local.
func Offer(local Local) []byte { return nil }

// Answer writes our answer to offer: one voice codec of ours that the peer
// also listed, and telephone-event at the same clock rate when both sides have
// it. Other streams are refused with port 0. It returns ErrNoCodec,
// ErrProfile, ErrHost or ErrNoAudio when the call cannot be carried.
func Answer(offer *Session, local Local) ([]byte, Agreed, error) { return nil, Agreed{}, ErrNoCodec }

// Accept reads the peer's answer to the offer that local made. When the answer
// lists several codecs, the first of the peer's that we offered wins.
func Accept(answer *Session, local Local) (Agreed, error) { return Agreed{}, ErrNoCodec }
