// Package delivery brings what was sold to who bought it, and does what must
// happen after a call.
//
// An Engine makes one try of one delivery: it takes the work from the ledger,
// hands it to the way the buyer chose (an HTTP exchange of package connector, a
// letter of package email, the portal's inbox, or a live transfer), judges the
// outcome and reports it. Judge is the one table that says what an outcome means:
// try again and when, next method, next buyer, a person, and what it tells the
// breaker of the endpoint. README.md goes through the trade's own guide and says
// what of it is built.
//
// Queue keeps jobs that were enqueued in the transaction that made them true, and
// runs them until they are done or hopeless. Retries live in Postgres, never in
// memory, so that a node may die at any moment; a job may therefore run more than
// once. A try that may have reached the buyer is not made again unless the buyer
// knows repeats by an id: the lead is held for a person instead, and never offered
// to another buyer meanwhile.
//
// The package does not pick buyers (package auction does, through the Exchange
// handed in), keeps no money (the store does, with each report) and does not know
// how a recording is stored.
package delivery
