package media

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// The wheel: each stream is served every 20 ms, in one of 20 slots of 1 ms.
const (
	tick       = int64(time.Millisecond)
	wheelSlots = 20
	slotFill   = 32       // streams in a slot before the next is used; serving them takes about 0.1 ms
	maxBehind  = 200      // ticks that are made up for after a stall; older ones are skipped
	lateTick   = 5 * tick // a delay that is counted
)

// shard is one media thread and everything only it may touch.
type shard struct {
	index   int
	plane   *Plane
	eng     engine
	log     *slog.Logger
	dirty   stack[*Stream] // streams with commands
	roused  atomic.Bool    // a wake is under way
	turning atomic.Bool    // it has streams, and so looks for commands every 20 ms
	stop    atomic.Bool
	ready   chan string // the priority reached, once the thread runs
	count   *counters
	laws    *laws
	random  *rand.Rand
	now     int64          // ns, of this round
	done    int64          // last tick turned
	members []*session     // by socket
	todo    *node[*Stream] // of the streams with commands, those whose turn is to come
	wheel   [wheelSlots][]*session
	live    int
	buf     [2048]byte
	frame   [rtpHeaderLen + frameSamples]byte
	scratch [2048]byte
	plain   [2048]byte // what G.722 sounds like to a tap
	spoken  [2048]byte // and the packet at hand to the other party
	decoded bool       // spoken is that packet
	report  [512]byte
	sealed  [2048 + maxTagLen]byte // an SRTP packet on its way out or in
	current *session               // for the log after a panic
}

func newShard(p *Plane, index int) (*shard, error) {
	eng, err := newEpoll(p.config.Poll, p.start)
	if err != nil {
		return nil, err
	}
	return &shard{
		index: index, plane: p, eng: eng, log: p.config.Logger, count: &p.metrics.counters,
		laws: p.laws, random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), ready: make(chan string, 1),
	}, nil
}

// mark tells the shard that s has commands.
func (sh *shard) mark(s *Stream) {
	sh.dirty.push(s)
	sh.rouse()
}

// rouse has the thread look for commands now, once for however many ask.
func (sh *shard) rouse() {
	if !sh.roused.Swap(true) {
		sh.eng.wake()
	}
}

// hint says that there are commands which may wait for the next turn. The flag is
// read after they were left: a thread that stops turning looks once more after
// it took the flag down.
func (sh *shard) hint() {
	if !sh.turning.Load() {
		sh.rouse()
	}
}

// halt asks the thread to end.
func (sh *shard) halt() {
	sh.stop.Store(true)
	sh.eng.wake()
}

// run is the thread. It is never unlocked, so that it ends with the goroutine
// and takes its priority with it.
func (sh *shard) run() {
	runtime.LockOSThread()
	sh.ready <- raisePriority()
	for !sh.loop() {
	}
	for _, st := range sh.members {
		if st != nil {
			st.end(sh)
		}
	}
}

// loop runs until it is stopped (true), or something panics (false).
func (sh *shard) loop() (stopped bool) {
	defer func() {
		if r := recover(); r != nil {
			sh.count.panics.Add(1)
			sh.log.Error("media thread recovered", slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
			sh.blame()
		}
	}()
	for !sh.stop.Load() {
		until := sh.deadline()
		if until == 0 && sh.pending() {
			until = 1 // left before it was known that there are no more turns: at once
		}
		ready := sh.eng.wait(until)
		if sh.roused.Load() {
			sh.roused.Store(false) // before looking: who comes later wakes again
		}
		if sh.pending() {
			sh.now = sh.eng.now()
			sh.commands() // before any packet: they may be older
		}
		for _, fd := range ready {
			sh.input(fd)
		}
		sh.now = sh.eng.now()
		sh.turn()
	}
	return true
}

// blame keeps a panic from coming again: the stream concerned loses its tap and
// its events, which are foreign code, and at the second time its life.
func (sh *shard) blame() {
	st := sh.current
	sh.current = nil
	if st == nil || st.ended {
		return
	}
	st.tap, st.watcher, st.s.events = nil, nil, nil
	if st.faulty {
		st.end(sh)
	}
	st.faulty = true
}

// deadline is the time of the next tick with somebody to serve; 0 = nobody.
func (sh *shard) deadline() int64 {
	if sh.live == 0 {
		return 0
	}
	next := sh.done + 1
	for !sh.plane.config.Poll && len(sh.wheel[next%wheelSlots]) == 0 {
		next++
	}
	return next * tick
}

// input reads one packet of a socket; what is left there is reported again.
func (sh *shard) input(fd int) {
	if fd >= len(sh.members) || sh.members[fd] == nil {
		return
	}
	st := sh.members[fd]
	sh.now = sh.eng.now()
	sh.current = st
	if fd == st.pair.rtp {
		st.receive(sh)
	} else {
		st.receiveReport(sh)
	}
	sh.current = nil
}

// turn serves the slots whose time has come, each at its own time.
func (sh *shard) turn() {
	present := sh.now / tick
	if sh.live == 0 {
		sh.done = present
		return
	}
	if present-sh.done > maxBehind {
		sh.done = present - 1
	}
	for sh.done < present {
		sh.done++
		due := sh.done * tick
		if slot := sh.wheel[sh.done%wheelSlots]; len(slot) > 0 && sh.now-due > lateTick {
			sh.count.lateTicks.Add(1)
		}
		for _, st := range sh.wheel[sh.done%wheelSlots] {
			sh.current = st
			st.serve(sh, due)
		}
		sh.current = nil
	}
}

// pending reports whether there are commands to be run.
func (sh *shard) pending() bool { return sh.todo != nil || !sh.dirty.empty() }

// commands runs what was left for the streams. Should one panic, the next call
// goes on behind it.
func (sh *shard) commands() {
	if sh.todo == nil {
		sh.todo = sh.dirty.take()
	}
	for ; sh.todo != nil; sh.todo = sh.todo.next {
		sh.obey(sh.todo.value)
	}
}

// obey runs the commands of one stream. A stream that belongs to another shard
// is passed on; its commands stay in its own queue, and so in order.
func (sh *shard) obey(s *Stream) {
	for {
		if home := s.home.Load(); home != sh {
			home.mark(s)
			return
		}
		st := &s.state
		if !st.placed && !st.ended {
			sh.place(st)
		}
		if st.backlog == nil {
			if st.backlog = s.queue.take(); st.backlog == nil {
				return
			}
		}
		c := st.backlog
		st.backlog = c.next
		if !st.ended {
			sh.current = st
			c.value(sh, st)
			sh.current = nil
		}
	}
}

// roomiest is the slot for one more stream: the first that is not yet filled,
// so that few streams cause few wake-ups, else the emptiest.
func (sh *shard) roomiest() int {
	best := 0
	for i := range sh.wheel {
		n := len(sh.wheel[i])
		if n < slotFill {
			return i
		}
		if n < len(sh.wheel[best]) {
			best = i
		}
	}
	return best
}

// place takes a stream in: what arrives at its sockets is its, and it gets a slot.
func (sh *shard) place(st *session) {
	if sh.live == 0 {
		sh.done = sh.now / tick
	}
	for fd := max(st.pair.rtp, st.pair.rtcp); len(sh.members) <= fd; {
		sh.members = append(sh.members, nil)
	}
	sh.members[st.pair.rtp], sh.members[st.pair.rtcp] = st, st
	slot := sh.roomiest()
	sh.wheel[slot] = append(sh.wheel[slot], st)
	st.placed, st.slot = true, slot
	sh.live++
	sh.turning.Store(true)
	if !st.armed { // it comes from another shard
		if err := sh.arm(st); err != nil {
			sh.log.Error("rtp socket not watched", slog.String("local", st.s.local.String()), slog.Any("err", err))
		}
	}
}

// arm has the sockets of a stream watched.
func (sh *shard) arm(st *session) error {
	st.armed = true
	return errors.Join(sh.eng.arm(st.pair.rtp), sh.eng.arm(st.pair.rtcp))
}

// disarm ends that.
func (sh *shard) disarm(st *session) {
	st.armed = false
	sh.eng.disarm(st.pair.rtp)
	sh.eng.disarm(st.pair.rtcp)
}

// remove takes a stream out of the tables. Its sockets are watched until they are
// closed or disarmed.
func (sh *shard) remove(st *session) {
	if !st.placed {
		return
	}
	sh.members[st.pair.rtp], sh.members[st.pair.rtcp] = nil, nil
	slot := sh.wheel[st.slot]
	for i, other := range slot {
		if other == st {
			slot[i] = slot[len(slot)-1]
			slot[len(slot)-1] = nil
			sh.wheel[st.slot] = slot[:len(slot)-1]
			break
		}
	}
	st.placed = false
	sh.live--
	sh.turning.Store(sh.live > 0)
}
