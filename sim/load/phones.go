package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Phones places calls and takes them at the other end: one socket for all
// callers, one for all buyers, and no transactions. A call that loses a message
// fails.
type Phones struct {
	callers, buyers *net.UDPConn
	deaf            *net.UDPConn // takes the audio of silent calls and never looks at it
	proxy           netip.AddrPort
	voice           *Voice // may be nil
	readers         sync.WaitGroup
	run             string // tells one Phones' calls from another's

	mu     sync.Mutex
	calls  map[int]*Call
	next   int
	voiced int // calls that have a voice
}

// maxCalls bounds the index of a call: its digits.
const maxCalls = 100_000

// NewPhones opens the sockets. Where voice is given, the i-th call that is not
// silent speaks with its parties 2i and 2i+1; else the descriptions name a port
// that is open and never read, as a phone's would be.
func NewPhones(callers, buyers netip.Addr, voice *Voice) (*Phones, error) {
	p := &Phones{voice: voice, calls: map[int]*Call{}, run: strconv.FormatInt(time.Now().UnixNano(), 36)}
	var err error
	if p.callers, err = openSignals(callers); err != nil {
		return nil, err
	}
	if p.buyers, err = openSignals(buyers); err != nil {
		_ = p.callers.Close()
		return nil, err
	}
	if p.deaf, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(callers, 0))); err != nil {
		return nil, errors.Join(err, p.callers.Close(), p.buyers.Close())
	}
	p.readers.Go(func() { p.read(p.callers, p.toCaller) })
	p.readers.Go(func() { p.read(p.buyers, p.toBuyer) })
	return p, nil
}

func openSignals(ip netip.Addr) (*net.UDPConn, error) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(4 << 20)
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
	}
	return c, err
}

// Buyers returns where calls are to be sent on to, "host:port".
func (p *Phones) Buyers() string { return p.buyers.LocalAddr().String() }

// Dial says where callers send their calls.
func (p *Phones) Dial(proxy netip.AddrPort) { p.proxy = proxy }

// Close closes the sockets and waits for the readers.
func (p *Phones) Close() {
	_ = p.callers.Close()
	_ = p.buyers.Close()
	_ = p.deaf.Close()
	p.readers.Wait()
}

// Call is one call, as both of its ends saw it. The times are of the wall clock
// and zero where nothing came; those of arrivals are the kernel's.
type Call struct {
	p     *Phones
	index int            // of the call in its Phones
	voice int            // of the call in its Voice; -1 = none
	audio netip.AddrPort // where the parties hear, without a voice

	mu          sync.Mutex
	status      int // the final response to the INVITE
	invited     time.Time
	offered     time.Time // the buyer got the INVITE
	answered    time.Time // the caller got its 200
	picked      time.Time // the buyer sent its 200
	bridged     time.Time // the buyer got its ACK
	hungUp      time.Time // the caller sent its BYE
	gone        time.Time // the caller got the 200 to its BYE
	left        bool      // the buyer got a BYE
	at          netip.AddrPort
	callerTo    string // To of the dialog, as the caller knows it
	callerURI   string // where the caller's requests go
	callerRoute []string

	answer chan struct{} // closed with the final response
	bridge chan struct{} // closed at the buyer's ACK
	over   chan struct{} // closed when both ends are done
}

// Place sends an INVITE; silent calls have no party of the voice.
func (p *Phones) Place(silent bool) (*Call, error) {
	return p.place(silent, p.deaf.LocalAddr().(*net.UDPAddr).AddrPort())
}

// PlaceFrom sends an INVITE of a caller whose audio is at an address of its own.
func (p *Phones) PlaceFrom(audio netip.AddrPort) (*Call, error) { return p.place(true, audio) }

func (p *Phones) place(silent bool, audio netip.AddrPort) (*Call, error) {
	c := &Call{p: p, voice: -1, audio: audio, answer: make(chan struct{}), bridge: make(chan struct{}), over: make(chan struct{})}
	p.mu.Lock()
	c.index = p.next
	p.next++
	if c.index >= maxCalls {
		p.mu.Unlock()
		return nil, errors.New("too many calls for one set of phones")
	}
	if p.voice != nil && !silent {
		if 2*p.voiced+1 >= p.voice.Parties() {
			p.mu.Unlock()
			return nil, fmt.Errorf("call %d has no voice", c.index)
		}
		c.voice = p.voiced
		p.voiced++
	}
	p.calls[c.index] = c
	p.mu.Unlock()
	at := p.callers.LocalAddr().String()
	head := "INVITE sip:+18005550100@" + p.proxy.String() + " SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP " + at + ";branch=z9hG4bK" + p.run + c.id() + ";rport\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:+131055" + c.digits() + "@" + at + ">;tag=c" + c.id() + "\r\n" +
		"To: <sip:+18005550100@" + p.proxy.String() + ">\r\nCall-ID: " + p.run + "-" + c.id() + "\r\nCSeq: 1 INVITE\r\n" +
		"Contact: <sip:caller@" + at + ">\r\n"
	msg := withBody(head, describe(p.party(c, 0)))
	c.mu.Lock()
	c.invited = time.Now()
	c.mu.Unlock()
	_, err := p.callers.WriteToUDPAddrPort(msg, p.proxy)
	return c, err
}

func (c *Call) id() string     { return strconv.Itoa(c.index) }
func (c *Call) digits() string { return fmt.Sprintf("%05d", c.index) }

// party is where one side of a call hears.
func (p *Phones) party(c *Call, side int) netip.AddrPort {
	if c.voice < 0 {
		return c.audio
	}
	return p.voice.Addr(2*c.voice + side)
}

// Answered waits for the final response and returns its status; 0 when ctx ends
// first.
func (c *Call) Answered(ctx context.Context) int {
	select {
	case <-c.answer:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Bridged waits until the buyer is on the line.
func (c *Call) Bridged(ctx context.Context) bool {
	select {
	case <-c.bridge:
		return true
	case <-ctx.Done():
		return false
	}
}

// Audio returns where the caller's audio goes, once it is answered.
func (c *Call) Audio() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Times of a call that are worth a figure; false while one is missing.

// InviteOut is the time from the caller's INVITE to the one that the buyer got.
func (c *Call) InviteOut() (time.Duration, bool) { return c.between(&c.invited, &c.offered) }

// AnswerOut is the time from the buyer's 200 to the 200 that the caller got,
// where the caller was not answered before.
func (c *Call) AnswerOut() (time.Duration, bool) { return c.between(&c.picked, &c.answered) }

// AckOut is the time from the buyer's 200 to the ACK that the buyer got.
func (c *Call) AckOut() (time.Duration, bool) { return c.between(&c.picked, &c.bridged) }

// ByeDone is the time from the caller's BYE to its 200.
func (c *Call) ByeDone() (time.Duration, bool) { return c.between(&c.hungUp, &c.gone) }

// Offered is when the buyer got the INVITE; zero if it did not yet.
func (c *Call) Offered() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offered
}

func (c *Call) between(a, b *time.Time) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return b.Sub(*a), !a.IsZero() && !b.IsZero() && b.After(*a)
}

// HangUp sends the caller's BYE and waits for both ends to be through.
func (c *Call) HangUp(ctx context.Context) bool {
	c.mu.Lock()
	if c.callerTo == "" || !c.hungUp.IsZero() {
		c.mu.Unlock()
		return false
	}
	if c.voice >= 0 {
		c.p.voice.Listen(2 * c.voice)
		c.p.voice.Listen(2*c.voice + 1)
	}
	msg := c.request("BYE", 2)
	c.hungUp = time.Now()
	c.mu.Unlock()
	if _, err := c.p.callers.WriteToUDPAddrPort(msg, c.p.proxy); err != nil {
		return false
	}
	select {
	case <-c.over:
	case <-ctx.Done():
		return false
	}
	c.p.mu.Lock()
	delete(c.p.calls, c.index)
	c.p.mu.Unlock()
	return true
}

// request writes a request of the caller within the dialog. The caller holds mu.
func (c *Call) request(method string, seq int) []byte {
	at := c.p.callers.LocalAddr().String()
	head := method + " " + c.callerURI + " SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP " + at + ";branch=z9hG4bK" + method + c.p.run + c.id() + ";rport\r\nMax-Forwards: 70\r\n"
	for _, r := range c.callerRoute {
		head += "Route: " + r + "\r\n"
	}
	head += "From: <sip:+131055" + c.digits() + "@" + at + ">;tag=c" + c.id() + "\r\nTo: " + c.callerTo +
		"\r\nCall-ID: " + c.p.run + "-" + c.id() + "\r\nCSeq: " + strconv.Itoa(seq) + " " + method + "\r\n"
	return withBody(head, "")
}

func (p *Phones) call(m *message) *Call {
	i, ok := m.index()
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[i]
}
