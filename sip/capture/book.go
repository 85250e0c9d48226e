package capture

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// Bounds of what is held and written.
const (
	queueSize  = 8192
	maxFile    = 32 << 20         // bytes of one capture; then it ends
	maxOrphans = 1024             // SIP Call-IDs whose call is not known yet
	maxWaiting = 16               // their messages each
	orphanFor  = 10 * time.Second // how long they are waited for
	afterEnd   = 3 * time.Second  // last answers after the end of a call
	drainEvery = 500 * time.Millisecond
	sweepEvery = time.Minute
)

// Book writes the captures of a node. Its methods may be called from anywhere
// and never wait, Open and Close apart.
type Book struct {
	cfg   Config
	m     *metrics
	queue chan note
	quit  chan struct{}
	done  chan struct{}
	once  sync.Once

	// The goroutine's.
	files   map[string]*file   // by call
	legs    map[string]*file   // by SIP Call-ID
	orphans map[string]*orphan // by SIP Call-ID
	scratch []byte
	text    []byte
	swept   time.Time
}

// note is one thing the goroutine is told.
type note struct {
	message leg.TraceEntry
	call    string // begins, gets a leg, or ends
	sipID   string // of the leg
	ring    *ring  // of the leg
	end     bool
}

// file is the capture of one call.
type file struct {
	f     *os.File // nil once it is too long or failed
	size  int
	sipID []string
	rings []*ring
	until time.Time // closed then; zero while the call is up
}

type orphan struct {
	list  []leg.TraceEntry
	until time.Time
}

// OpenBook begins to keep captures in c.Dir.
func OpenBook(c Config) (*Book, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("captures: %w", err)
	}
	b := &Book{cfg: c, m: newMetrics(c.Registerer), queue: make(chan note, queueSize), quit: make(chan struct{}), done: make(chan struct{}),
		files: map[string]*file{}, legs: map[string]*file{}, orphans: map[string]*orphan{}}
	go b.run()
	return b, nil
}

// Close writes what waits and closes the files. It may be called twice.
func (b *Book) Close() error {
	b.once.Do(func() { close(b.quit) })
	<-b.done
	return nil
}

// Trace takes a message of a leg; it is leg.Config.Trace.
func (b *Book) Trace(e leg.TraceEntry) {
	if b.cfg.What != Off {
		b.tell(note{message: e})
	}
}

// Begin says that a call exists, and under which SIP Call-ID it came.
func (b *Book) Begin(inv ringbid.Invite) {
	if b.cfg.What != Off {
		b.tell(note{call: inv.CallID})
	}
}

// Leg says that a SIP dialog and a stream belong to the call.
func (b *Book) Leg(call, sipCallID string, s *media.Stream) {
	if b.cfg.What == Off {
		return
	}
	n := note{call: call, sipID: sipCallID}
	if b.cfg.What == Headers && s != nil {
		n.ring = &ring{local: s.Local()}
		s.Watch(n.ring)
	}
	b.tell(n)
}

// End says that a call is over; the last answers are still taken.
func (b *Book) End(call string) {
	if b.cfg.What != Off {
		b.tell(note{call: call, end: true})
	}
}

func (b *Book) tell(n note) {
	select {
	case b.queue <- n:
	default:
		b.m.drop("queue", 1)
	}
}

// Open returns the capture of a call, also of one that is still up; NotFound
// when there is none on this node.
func (b *Book) Open(call string) (io.ReadSeekCloser, error) {
	absent := ringbid.Errorf(ringbid.NotFound, "no capture of this call is kept here")
	if len(call) != 36 || strings.Trim(call, "0123456789abcdef-") != "" {
		return nil, absent
	}
	f, err := os.Open(b.path(call))
	if errors.Is(err, os.ErrNotExist) {
		return nil, absent
	}
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	return f, nil
}

// Has reports whether a capture of the call is kept here.
func (b *Book) Has(call string) bool {
	f, err := b.Open(call)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func (b *Book) path(call string) string { return filepath.Join(b.cfg.Dir, call+".pcap") }

func (b *Book) run() {
	defer close(b.done)
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		select {
		case n := <-b.queue:
			b.take(n)
		case now := <-tick.C:
			b.turn(now)
		case <-b.quit:
			for len(b.queue) > 0 {
				b.take(<-b.queue)
			}
			for call, f := range b.files {
				b.finish(call, f)
			}
			return
		}
	}
}

func (b *Book) take(n note) {
	switch {
	case n.call == "":
		b.message(n.message)
	case n.end:
		if f := b.files[n.call]; f != nil {
			f.until = time.Now().Add(afterEnd)
		}
	case n.sipID == "":
		b.begin(n.call)
	default:
		b.leg(n)
	}
}

func (b *Book) begin(call string) {
	out, err := os.OpenFile(b.path(call), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		b.failed(err)
		b.files[call] = &file{}
		return
	}
	f := &file{f: out}
	b.files[call] = f
	b.write(f, appendFileHeader(nil))
}

func (b *Book) leg(n note) {
	f := b.files[n.call]
	if f == nil {
		return
	}
	f.sipID = append(f.sipID, n.sipID)
	b.legs[n.sipID] = f
	if n.ring != nil {
		f.rings = append(f.rings, n.ring)
	}
	if o := b.orphans[n.sipID]; o != nil {
		delete(b.orphans, n.sipID)
		for _, e := range o.list {
			b.message(e)
		}
	}
}

// message writes a message into the capture of its call, or keeps it until its
// call is known: an INVITE is there before there is a call.
func (b *Book) message(e leg.TraceEntry) {
	if f := b.legs[e.CallID]; f != nil {
		b.text = redact(append(b.text[:0], e.Raw...))
		b.scratch = appendMessage(b.scratch[:0], e, b.text)
		b.write(f, b.scratch)
		return
	}
	o := b.orphans[e.CallID]
	if o == nil {
		if len(b.orphans) >= maxOrphans {
			b.m.drop("unknown_call", 1)
			return
		}
		o = &orphan{until: time.Now().Add(orphanFor)}
		b.orphans[e.CallID] = o
	}
	if len(o.list) < maxWaiting {
		o.list = append(o.list, e)
	}
}

func appendMessage(b []byte, e leg.TraceEntry, text []byte) []byte {
	from, to := e.Peer, e.Local
	if e.Sent {
		from, to = to, from
	}
	if !from.IsValid() || !to.IsValid() || len(text) == 0 {
		return b
	}
	return appendDatagram(b, e.At, from, to, text, len(text))
}

// write appends to the file. What a full or broken disk does not take is given
// up: the call is more important than its capture.
func (b *Book) write(f *file, data []byte) {
	if f.f == nil || len(data) == 0 {
		return
	}
	if f.size+len(data) > maxFile {
		b.m.drop("size", 1)
		return
	}
	n, err := f.f.Write(data)
	f.size += n
	if err != nil {
		b.failed(err)
		_ = f.f.Close()
		f.f = nil
	}
}

func (b *Book) failed(err error) {
	b.m.drop("disk", 1)
	b.cfg.Logger.Warn("capture not written", slog.Any("error", err))
}

// turn empties the rings and closes what is over.
func (b *Book) turn(now time.Time) {
	for call, f := range b.files {
		b.drain(f)
		if !f.until.IsZero() && now.After(f.until) {
			b.finish(call, f)
		}
	}
	for id, o := range b.orphans {
		if now.After(o.until) {
			delete(b.orphans, id)
		}
	}
	if now.Sub(b.swept) >= sweepEvery {
		b.swept = now
		b.sweep(now)
	}
}

func (b *Book) drain(f *file) {
	for _, r := range f.rings {
		b.scratch = r.drain(b.scratch[:0])
		b.write(f, b.scratch)
		if n := r.dropped.Swap(0); n > 0 {
			b.m.drop("headers", n)
		}
	}
}

func (b *Book) finish(call string, f *file) {
	b.drain(f)
	if f.f != nil {
		if err := f.f.Close(); err != nil {
			b.failed(err)
		}
	}
	delete(b.files, call)
	for _, id := range f.sipID {
		if b.legs[id] == f {
			delete(b.legs, id)
		}
	}
}
