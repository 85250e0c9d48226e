// Package store keeps everything that must outlive a call in Postgres, and keeps
// calls going while Postgres is away.
//
// Documents are versioned, their secrets sealed; Plan says what applying them
// would change and Apply publishes them in one transaction. Book is the live,
// immutable snapshot of what is published: reading it is one atomic load.
// Reserve, Release and Full hold the concurrency and the caps of targets across
// nodes; Started and Settle write down what became of a call.
//
// What the call path calls (Book, Reserve, Release, Full, SeenWithin, Started,
// Settle) returns within a fixed budget whatever Postgres does. A circuit says
// whether Postgres is away; while it is, and where an answer is late, slots and
// caps are dealt out from what is this node's own, and facts wait in the spool,
// on disk and flushed, until they can be committed, once.
//
// Lines (concurrency) and caps on attempts are not oversold, and late answers do
// not oversell caps on connects and conversions either. A node sells without
// Postgres only from shares that Postgres has set aside for it: nobody else may
// sell those until it gives them back or has been silent for an hour. Each attempt
// has an id, and is counted once by it whether the answer came, comes late or
// never. Alone, a node may sell all that is left; several may sell half of it
// between them.
//
// What is not strict: a node that is silent for four heartbeats is taken for dead,
// its calls for lost, and its lines are others'; if it was only cut off from
// Postgres, with calls still up, those lines are taken twice until the calls end. A
// connect is counted when its call is settled, and until then by the slot it holds,
// but not in the moment between giving the slot back and settling. Where a node
// could not say within the hour what it sold from its shares, that comes on top of
// what others sold of them since. No call waits until what it took of a share is
// flushed: in that moment a loss of power loses it. A cap of revenue lets the call
// through that reaches it, and those on the line then. A node that starts while
// Postgres is away has no shares: it sells nothing that is capped, and takes the
// lines for its own.
//
// The package does not decide prices, ranks or outcomes, runs no jobs (the
// transaction that settles a call hands them to an Outbox), and starts no
// server: store/localpg does. Its parts: book and document (configuration),
// ledger, share, capshare and resolve (slots and caps), journal, settle and
// replay (calls), node (heartbeats and calls of dead nodes), call and figure
// (reads), user and session (signing in), away (the circuit).
package store
