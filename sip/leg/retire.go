package leg

import "time"

// retired is a transaction that only waits for repetitions.
type retired struct {
	at     time.Time
	server *serverTx
	client *clientTx
}

// retire forgets a transaction once no repetition can come any more: 64*T1 later
// (timers D, J and L), or 10*T1 later where soon (timers I and K, which are T4).
func (s *Stack) retire(server *serverTx, client *clientTx, soon bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if server != nil && server.leg != nil && server.state == txAccepted {
		return // for as long as its leg, see forgetLocked
	}
	r := retired{time.Now(), server, client}
	if soon {
		s.soon = append(s.soon, r)
	} else {
		s.later = append(s.later, r)
	}
}

// bury forgets what has been retired for long enough.
func (s *Stack) bury(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.soon = s.buried(s.soon, now.Add(-10*s.t1))
	s.later = s.buried(s.later, now.Add(-64*s.t1))
}

func (s *Stack) buried(list []retired, before time.Time) []retired {
	n := 0
	for ; n < len(list) && list[n].at.Before(before); n++ {
		if tx := list[n].server; tx != nil && s.servers[tx.key] == tx {
			delete(s.servers, tx.key)
		}
		if tx := list[n].client; tx != nil && s.clients[tx.key] == tx {
			delete(s.clients, tx.key)
		}
		list[n] = retired{}
	}
	return list[n:]
}
