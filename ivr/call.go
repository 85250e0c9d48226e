package ivr

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
)

// Call is the telephone's side of one call. Its context ends when the caller is
// gone; every method then returns soon.
type Call interface {
	// Invite says how the call arrived.
	Invite() ringbid.Invite
	// Answer takes the call, and has it recorded where record is true.
	Answer(ctx context.Context, record bool) error
	// Ring tells a caller who is not answered yet that a buyer is looked for.
	Ring()
	// Play plays to the end of the sound, or to the first key with bargeIn; that
	// key is kept for the next Gather.
	Play(ctx context.Context, a ringbid.Audio, bargeIn bool) error
	// Gather plays the prompt and collects digits. Nothing pressed is "".
	Gather(ctx context.Context, g ringbid.Gather) (digits string, err error)
	// Dial rings one target, also before Answer. VerdictAnswered means it waits to
	// be bridged, with a caller who is answered.
	Dial(ctx context.Context, d ringbid.Dial) ringbid.Attempt
	// Bridge connects the caller and the answered target until either ends or
	// the time is over.
	Bridge(ctx context.Context, max time.Duration) ringbid.Talk
	// Hangup ends the caller's side: a final response before the answer, with
	// the status of r, a BYE behind it.
	Hangup(ctx context.Context, r ringbid.Reason) error
}

// ender is a Call that knows who ended it and why. Where it does not, a context
// that ended means that the caller hung up.
type ender interface {
	Ended() (by string, r ringbid.Reason)
}

// Market opens auctions.
type Market interface {
	Open(ctx context.Context, ask ringbid.Ask) Auction
}

// Auction sells one call.
type Auction interface {
	// Offer adds facts as they become known; it does not wait.
	Offer(facts ringbid.TagMap)
	// Award returns the best bid left with its slot reserved; false where nobody
	// is left. The first Award says that no more facts will come.
	Award(ctx context.Context) (ringbid.Award, bool)
	// Report says how dialling an award went; its slot is released unless it
	// answered.
	Report(a ringbid.Award, at ringbid.Attempt)
	// Done ends the auction, releases what it holds and returns its record.
	Done(talk time.Duration) ringbid.Auction
}

// Directory is what is published.
type Directory interface {
	// Book returns the documents as they are now, nil before there are any.
	Book() *ringbid.Book
	// Prompt returns a prompt's sound without waiting for it to be made.
	Prompt(name string) (ringbid.Audio, error)
	// SeenWithin reports whether another call from the caller to the number
	// arrived in the window that ends at the moment.
	SeenWithin(caller, number ringbid.Phone, at time.Time, window time.Duration) bool
}
