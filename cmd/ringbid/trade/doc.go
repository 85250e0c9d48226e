// Package trade joins the parts that sell and deliver data leads: the desk that
// takes them in, the auction, the engine that delivers, the store, and what
// watches over all of it. It holds the adapters between them and the loops that
// nobody else owns: which endpoints are down, digests that are due, events that
// wait for their lead, alerts.
//
// It decides nothing itself. The telephone side does not know it.
package trade
