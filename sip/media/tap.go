package media

// Channel is a side of a stream's conversation.
type Channel uint8

// The two channels of a tap.
const (
	Rx Channel = iota // what the peer of the stream says
	Tx                // what we send to the peer: prompts, tones, or the other party of a bridge
)

// Tap receives the audio of a stream, for example to record it.
type Tap interface {
	// Frame hands over one packet's audio. pos is the position of its first
	// sample on the stream's 8 kHz clock, which starts at 0 when the tap is
	// attached, runs with the wall clock (within 20 ms) and is shared by both
	// channels: a lost packet leaves a gap, a late one lands where it belongs,
	// and nothing behind them shifts. ulaw is µ-law whatever the codec on the
	// wire, and is valid only during the call. DTMF events are not audio and
	// leave a gap. Frame runs on the media thread: it must not block, and it
	// must not call the methods of a Stream that wait (Stats).
	Frame(ch Channel, pos int64, ulaw []byte)
}
