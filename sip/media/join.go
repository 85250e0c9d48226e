package media

// join bridges st, which belongs to sh, with peer. If peer belongs to another
// shard, the stream on the shard with the higher index moves to the other, and
// the bridge is made when it has arrived, unless turn has passed by then.
func (sh *shard) join(st *session, peer *Stream, turn uint64) {
	if st.bridgeTurn != turn {
		return
	}
	home := peer.home.Load()
	if home == sh {
		if other := &peer.state; !other.ended {
			if !other.placed {
				sh.place(other)
			}
			other.bridgeTurn++
			if st.desk != nil && st.seat == seatBoss {
				st.leave(sh)
			}
			if other.desk != nil && other.seat == seatBoss {
				other.leave(sh)
			}
			st.bridge(other)
		}
		return
	}
	again := func(sh *shard, st *session) { sh.join(st, peer, turn) }
	if home.index > sh.index {
		peer.hurry(func(from *shard, other *session) {
			if from != sh {
				from.move(other, sh)
			}
			st.s.hurry(again)
		})
		return
	}
	sh.move(st, home)
	st.s.hurry(again)
}

// move gives a session away. It is placed on the other shard when that runs
// its next command, so one is sent behind it.
func (sh *shard) move(st *session, to *shard) {
	s := st.s
	st.unbridge()
	st.leave(sh)
	sh.disarm(st)
	sh.remove(st)
	s.home.Store(to) // from here on the session belongs to the other thread
	to.mark(s)
}
