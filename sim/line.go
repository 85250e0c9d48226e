package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// The ports parties take when nothing else is said: below the ports that
// systems hand out by themselves.
const (
	portMin = 30_000
	portMax = 32_767
)

// openPlane opens the audio of a group of parties on an address.
func openPlane(at netip.Addr, ports [2]int) (*media.Plane, error) {
	if ports == [2]int{} {
		ports = [2]int{portMin, portMax}
	}
	return media.Open(media.Config{Bind: at, PortMin: ports[0], PortMax: ports[1], Rest: rest})
}

// line is one party's end of the audio.
type line struct {
	stream  *media.Stream
	events  chan media.Event
	ear     *ear
	session uint64
	version uint64
	last    []byte
	agreed  sdp.Agreed
}

// openLine makes a line that the ear listens to.
func openLine(p *media.Plane, e *ear) (*line, error) {
	l := &line{events: make(chan media.Event, 64), ear: e, session: rand.Uint64() >> 2}
	var err error
	if l.stream, err = p.NewStream(l.events); err != nil {
		return nil, err
	}
	l.stream.Tap(l.ear)
	return l, nil
}

func (l *line) local(d sdp.Direction) sdp.Local {
	return sdp.Local{
		Addr: l.stream.Local(), Direction: d, SessID: l.session, Version: l.version,
		Codecs: []sdp.Codec{
			{PT: 0, Name: "PCMU", Rate: sampleRate},
			{PT: 101, Name: "telephone-event", Rate: sampleRate, Fmtp: "0-15"},
		},
	}
}

// write has body made with the next version where it says something new.
func (l *line) write(make func() []byte) []byte {
	body := make()
	if l.last != nil && !sdp.Equal(body, l.last) {
		l.version++
		body = make()
	}
	l.last = body
	return body
}

// offer writes our offer.
func (l *line) offer(d sdp.Direction) []byte {
	return l.write(func() []byte { return sdp.Offer(l.local(d)) })
}

// answer takes the peer's offer and writes our answer.
func (l *line) answer(offer []byte) ([]byte, error) {
	s, err := sdp.Parse(offer)
	if err != nil {
		return nil, err
	}
	var agreed sdp.Agreed
	var failed error
	body := l.write(func() (b []byte) {
		b, agreed, failed = sdp.Answer(s, l.local(sdp.SendRecv))
		return b
	})
	if failed != nil {
		return nil, failed
	}
	return body, l.apply(agreed)
}

// accept takes the peer's answer to our offer.
func (l *line) accept(answer []byte, d sdp.Direction) error {
	if answer == nil {
		return errors.New("answered without a description")
	}
	s, err := sdp.Parse(answer)
	if err != nil {
		return err
	}
	agreed, err := sdp.Accept(s, l.local(d))
	if err != nil {
		return err
	}
	return l.apply(agreed)
}

func (l *line) apply(a sdp.Agreed) error {
	if a.Codec.Name != "PCMU" {
		return fmt.Errorf("agreed on %s", a.Codec.Name)
	}
	p := media.Params{Remote: a.Remote, Send: a.Send, Recv: a.Recv, Codec: media.PCMU}
	if a.DTMF != nil {
		p.DTMF = a.DTMF.PT
	}
	l.agreed = a
	l.stream.Apply(p)
	return nil
}

// reOffer answers a re-INVITE, as a party that agrees to everything.
func (l *line) reOffer(g *leg.Leg, offer []byte) {
	if offer == nil {
		g.Respond(200, l.offer(sdp.SendRecv))
		return
	}
	body, err := l.answer(offer)
	if err != nil {
		g.Respond(488, nil)
		return
	}
	g.Respond(200, body)
}

// close ends the line and returns what it counted.
func (l *line) close() media.Stats {
	l.stream.Close()
	return l.stream.Stats()
}
