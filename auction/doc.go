// Package auction sells a call. It decides which buyers may be asked, asks them
// in parallel while the caller still answers questions, closes as soon as nobody
// left can win, ranks what came in, reserves the winner's slot and keeps a record
// from which the same order can be computed again.
//
// A [Market] opens an [Auction] for each call. Facts about the caller arrive
// with Offer; each makes the candidates be looked at anew: a bidder is asked as
// soon as the facts it requires are known, and asked again only where a fact it
// is told has changed or its bid has run out. The first Award seals the auction:
// from then on it may take the campaign's deadline and no longer.
//
// Winner by amount, then priority (lower first), then a draw weighted by the
// route's weight and seeded by the record, then latency, then name; see [Replay].
//
// The package does not dial, does not know a wire format (package dialect does)
// and holds no SQL: slots and caps belong to the Ledger it is given. A no-bid, a
// late answer or a full target is a line in the record, never an error.
package auction
