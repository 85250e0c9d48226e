package media

import "sync/atomic"

// encodeQueue is how many clips may wait to be encoded.
const encodeQueue = 256

// encodeStep is how much is encoded before the players may read it: 20 ms.
const encodeStep = frameSamples

// encoded is a clip in G.722, made beside the media threads and readable as far
// as ready.
type encoded struct {
	codes []byte
	ready atomic.Int64
}

// inG722 returns what can be played of the clip in G.722. The first to ask has
// it encoded, once for all streams; it grows thousands of times faster than it
// plays. It does not wait: with the queue full it is asked for again.
func (c *Clip) inG722(queue chan<- *Clip) []byte {
	e := c.wide.Load()
	if e == nil {
		e = new(encoded)
		if !c.wide.CompareAndSwap(nil, e) {
			return nil
		}
		select {
		case queue <- c:
		default:
			c.wide.Store(nil)
		}
		return nil
	}
	return e.codes[:e.ready.Load()]
}

// encode makes the G.722 form, as it follows on silence.
func (c *Clip) encode(enc g722Encoder) {
	e := &encoded{codes: make([]byte, len(c.ulaw))}
	c.wide.Store(e)
	for i, u := range c.ulaw {
		e.codes[i] = enc.encode(DecodeULaw(u))
		if (i+1)%encodeStep == 0 {
			e.ready.Store(int64(i + 1))
		}
	}
	e.ready.Store(int64(len(e.codes)))
}

// encodeClips encodes until the queue is closed.
func (p *Plane) encodeClips() {
	for c := range p.encode {
		c.encode(p.laws.settled)
	}
}
