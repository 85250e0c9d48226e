package media

// Report sends the events of the stream to another channel from now on: a leg
// may change its call. Nil sends none.
func (s *Stream) Report(events chan<- Event) {
	s.post(func(_ *shard, st *session) {
		if !st.ended {
			s.events = events
		}
	})
}
