// Package intake takes leads in and sells them: it knows a repeat by the
// publisher's id, brings the fields into one form, looks whether the person was
// there before, opens the same auction that sells calls, and writes the lead
// down with its purchases and deliveries in one transaction.
//
// A Desk does so for one lead at a time; its methods may be called from any
// goroutine. With a ping it gives a price without contact data, and keeps the
// auction until the post comes. A post waits for the buyer's word no longer than
// the campaign allows; what is open then is pending.
//
// The package speaks no HTTP (package web/api does), sends nothing to buyers
// (package delivery does), holds no SQL, and decides neither who may buy nor who
// wins (package auction does).
package intake
