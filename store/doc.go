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
// whether Postgres is away; while it is, slots and caps are dealt out from a
// share of this node's own, and facts wait in the spool, on disk and flushed,
// until they can be committed, once.
//
// The package does not decide prices, ranks or outcomes, runs no jobs (the
// transaction that settles a call hands them to an Outbox), and starts no
// server: store/localpg does. Its parts: book and document (configuration),
// ledger and share (slots and caps), journal, settle and replay (calls), node
// (heartbeats and calls of dead nodes), call and figure (reads), user and
// session (signing in), away (the circuit).
package store
