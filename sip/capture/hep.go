package capture

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid/sip/leg"
)

// Chunks of the vendor 0 in HEP version 3 (the sipcapture project's "HEP3
// Network Protocol Specification", revision 36).
const (
	hepFamily    = 0x0001
	hepProtocol  = 0x0002
	hepFrom4     = 0x0003
	hepTo4       = 0x0004
	hepFrom6     = 0x0005
	hepTo6       = 0x0006
	hepFromPort  = 0x0007
	hepToPort    = 0x0008
	hepSeconds   = 0x0009
	hepMicros    = 0x000a
	hepKind      = 0x000b
	hepAgent     = 0x000c
	hepKey       = 0x000e
	hepPayload   = 0x000f
	hepCallID    = 0x0011
	hepNode      = 0x0013
	hepKindSIP   = 1
	hepQueue     = 4096
	maxHEP       = 60_000
	familyInet   = 2
	familyInet6  = 10
	protocolUDP  = 17
	protocolTCP  = 6
	hepSignature = "HEP3"
)

// ExporterConfig is where messages go. Addr is required.
type ExporterConfig struct {
	Addr  string // "host:port" of a Homer server, UDP
	Agent uint32 // capture agent id; 0 means 2001
	Key   string // password the server wants, if any
	Node  string // name of this node, may be empty

	Registerer prometheus.Registerer // nil registers nothing
}

// Exporter sends each SIP message to a Homer server as HEP version 3 over UDP.
type Exporter struct {
	cfg   ExporterConfig
	m     *metrics
	conn  net.Conn
	queue chan leg.TraceEntry
	done  chan struct{}
	once  sync.Once
	quit  chan struct{}
}

// NewExporter opens the socket; a host name is looked up once, now.
func NewExporter(c ExporterConfig) (*Exporter, error) {
	if c.Agent == 0 {
		c.Agent = 2001
	}
	conn, err := net.Dial("udp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("homer: %w", err)
	}
	x := &Exporter{cfg: c, m: newMetrics(c.Registerer), conn: conn, queue: make(chan leg.TraceEntry, hepQueue),
		done: make(chan struct{}), quit: make(chan struct{})}
	go x.run()
	return x, nil
}

// Trace queues a message; it never waits, and drops when the queue is full.
func (x *Exporter) Trace(e leg.TraceEntry) {
	select {
	case x.queue <- e:
	default:
		x.m.sent("dropped")
	}
}

// Close sends what waits and closes the socket. It may be called twice.
func (x *Exporter) Close() error {
	x.once.Do(func() { close(x.quit) })
	<-x.done
	return nil
}

func (x *Exporter) run() {
	defer close(x.done)
	defer x.conn.Close()
	var b []byte
	for {
		select {
		case e := <-x.queue:
			b = x.send(b, e)
		case <-x.quit:
			for len(x.queue) > 0 {
				b = x.send(b, <-x.queue)
			}
			return
		}
	}
}

func (x *Exporter) send(b []byte, e leg.TraceEntry) []byte {
	b = x.packet(b[:0], e)
	if len(b) == 0 {
		x.m.sent("unsendable")
		return b
	}
	if _, err := x.conn.Write(b); err != nil { // nobody listens: Homer may be down for hours
		x.m.sent("failed")
		return b
	}
	x.m.sent("sent")
	return b
}

// packet writes one message; it is empty when the message cannot be sent.
func (x *Exporter) packet(b []byte, e leg.TraceEntry) []byte {
	from, to := e.Peer, e.Local
	if e.Sent {
		from, to = to, from
	}
	if !from.IsValid() || !to.IsValid() || len(e.Raw) == 0 || len(e.Raw) > maxHEP {
		return b
	}
	be := binary.BigEndian
	b = append(append(b, hepSignature...), 0, 0)
	b = x.addresses(b, e.Network, from, to)
	b = chunk(b, hepFromPort, be.AppendUint16(nil, from.Port()))
	b = chunk(b, hepToPort, be.AppendUint16(nil, to.Port()))
	b = chunk(b, hepSeconds, be.AppendUint32(nil, uint32(e.At.Unix())))
	b = chunk(b, hepMicros, be.AppendUint32(nil, uint32(e.At.Nanosecond()/1000)))
	b = chunk(b, hepKind, []byte{hepKindSIP})
	b = chunk(b, hepAgent, be.AppendUint32(nil, x.cfg.Agent))
	if x.cfg.Key != "" {
		b = chunk(b, hepKey, []byte(x.cfg.Key))
	}
	if x.cfg.Node != "" {
		b = chunk(b, hepNode, []byte(x.cfg.Node))
	}
	b = chunk(b, hepCallID, []byte(e.CallID))
	start := len(b)
	b = chunk(b, hepPayload, e.Raw)
	redact(b[start:])
	be.PutUint16(b[4:], uint16(len(b)))
	return b
}

func (x *Exporter) addresses(b []byte, network string, from, to netip.AddrPort) []byte {
	protocol := byte(protocolTCP)
	if network == "udp" {
		protocol = protocolUDP
	}
	if from.Addr().Is4() && to.Addr().Is4() {
		b = chunk(chunk(b, hepFamily, []byte{familyInet}), hepProtocol, []byte{protocol})
		return chunk(chunk(b, hepFrom4, from.Addr().AsSlice()), hepTo4, to.Addr().AsSlice())
	}
	b = chunk(chunk(b, hepFamily, []byte{familyInet6}), hepProtocol, []byte{protocol})
	src, dst := from.Addr().As16(), to.Addr().As16()
	return chunk(chunk(b, hepFrom6, src[:]), hepTo6, dst[:])
}

// chunk appends vendor, type, length and data.
func chunk(b []byte, kind uint16, data []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint16(be.AppendUint16(b, 0), kind)
	return append(be.AppendUint16(b, uint16(6+len(data))), data...)
}
