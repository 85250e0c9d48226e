package leg

import (
	"context"
	"net/netip"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

const (
	maxDatagram = 1300             // bytes of a request over UDP (RFC 3261 section 18.1.1)
	narrowFor   = 10 * time.Minute // that a peer takes no streams is believed
	maxNarrow   = 1024             // peers that are remembered
)

// narrow remembers peers that take long requests by fragmented datagrams only:
// they refused a stream, or were silent on it.
type narrow struct {
	mu    sync.Mutex
	until map[netip.AddrPort]time.Time
}

func (n *narrow) add(to netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.until == nil || len(n.until) >= maxNarrow {
		n.until = map[netip.AddrPort]time.Time{}
	}
	n.until[to] = time.Now().Add(narrowFor)
}

func (n *narrow) has(to netip.AddrPort) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Before(n.until[to])
}

// roomier is where a request goes that is too long for a datagram to d: the same
// host and port by TCP. It reports false where a datagram has to do.
func (s *Stack) roomier(req *sipmsg.Request, size int, d destination) (destination, bool) {
	if d.network != "udp" || size <= maxDatagram || !req.IsInvite() && len(req.Body()) == 0 {
		return d, false
	}
	local, ok := s.listening("tcp", d.to.Addr())
	wide := destination{network: "tcp", to: d.to, local: local}
	return wide, ok && !s.narrow.has(d.to)
}

// widen connects to where a long request is to go, which takes 2*T1 at most, and
// has the leg send it: there, or where it would have gone.
func (l *Leg) widen(branch string, wide destination) {
	l.s.track(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*l.s.t1)
		defer cancel()
		_, err := l.s.connect(ctx, wide)
		if err != nil {
			l.s.narrow.add(wide.to)
		}
		l.in.post(message{input: inWidened, branch: branch, dest: &wide, err: err})
	})
}

// onWidened sends the request that waited. With a stream the dialog stays on it.
func (l *Leg) onWidened(m message) {
	t, ok := l.trial(m.branch)
	if !ok || l.st == done {
		return
	}
	if t.purpose == forCall {
		if l.out.cancelling { // nothing has been sent that could be cancelled
			l.out.final = true
			l.terminate()
			return
		}
		l.arm(tFirst, 8*l.s.t1)
	}
	if m.err == nil {
		l.peer, t.dest, l.out.widened = *m.dest, *m.dest, true
		t.req.ReplaceHeader(l.s.via(*m.dest, m.branch))
		if t.req.Contact() != nil {
			t.req.ReplaceHeader(l.s.contact(*m.dest))
		}
		l.trials[m.branch] = &t
	}
	l.transact(t.req, render(t.req), t.dest)
}
