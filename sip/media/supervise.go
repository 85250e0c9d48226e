package media

// Mode is what a supervisor does at a call.
type Mode uint8

// The modes of Stream.Supervise.
const (
	Off     Mode = iota // leaves the call
	Listen              // hears both parties, is heard by nobody
	Whisper             // hears both, is heard by the agent
	Barge               // hears both, is heard by both
)

// String returns the lower-case name used in logs.
func (m Mode) String() string {
	switch m {
	case Listen:
		return "listen"
	case Whisper:
		return "whisper"
	case Barge:
		return "barge"
	}
	return "off"
}

// Supervise lets s hear side, the agent's stream, and whoever side is bridged
// with, and be heard as mode says; given again for the same side it changes the
// mode. It lasts until Off, a Bridge or Close of s, the Close of side, or
// another supervisor at the same call; in the last two cases s reports
// Unsupervised. When side is bridged anew, the new party takes the place of the
// old one. What Play and SendDigits send takes precedence over the mix, also
// towards the supervisor.
//
// A tap of a party's stream hears what that party hears: Barge is on the
// caller's tap, Whisper is not. Only supervised calls are mixed, and in Listen
// the parties' own relay stays as it is.
func (s *Stream) Supervise(side *Stream, mode Mode) {
	if side == nil || side == s || side.plane != s.plane || mode > Barge {
		mode = Off
	}
	d := &desk{mode: mode}
	s.hurry(func(sh *shard, st *session) { // side may be another thread's
		st.deskTurn++
		if mode == Off {
			st.leave(sh)
			return
		}
		sh.supervise(st, side, d, st.deskTurn)
	})
}

// supervise seats boss at the call of side, as soon as both belong to one
// shard: it is boss who moves, unless turn has passed by then.
func (sh *shard) supervise(boss *session, side *Stream, d *desk, turn uint64) {
	if boss.deskTurn != turn {
		return
	}
	if home := side.home.Load(); home != sh {
		sh.move(boss, home)
		boss.s.hurry(func(sh *shard, st *session) { sh.supervise(st, side, d, turn) })
		return
	}
	agent := &side.state
	switch {
	case agent.ended:
		boss.leave(sh)
		boss.emit(sh, Event{Kind: Unsupervised})
		return
	case boss.desk != nil && boss.desk.parties[seatBoss] == boss && boss.desk.parties[seatAgent] == agent:
		boss.desk.set(d.mode)
		return
	case !agent.placed:
		sh.place(agent)
	}
	boss.leave(sh)
	boss.unbridge()
	if agent.desk != nil {
		agent.desk.clear(sh, true)
	}
	d.sit(seatBoss, boss)
	d.sit(seatAgent, agent)
	if caller := agent.peer; caller != nil {
		if caller.desk != nil {
			caller.desk.clear(sh, true)
		}
		d.sit(seatCaller, caller)
	}
}

// leave ends the supervision that the session takes part in as supervisor or
// agent. A supervisor whose agent goes is told.
func (st *session) leave(sh *shard) {
	if d := st.desk; d != nil && st.seat != seatCaller {
		d.clear(sh, st.seat == seatAgent)
	}
}
