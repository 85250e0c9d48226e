// Package delivery does what must happen after a call: it keeps the jobs that
// were enqueued in the transaction that made them true, and runs them until
// they are done or hopeless.
//
// Queue enqueues and runs; each job's work is handed in as a function. Retries
// live in the queue, in Postgres, never in memory, so that a node may die at any
// moment; a job may therefore run more than once, and its work must bear that.
// The package does not know how a recording is stored or a partner is called.
package delivery
