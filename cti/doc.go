// Package cti keeps the screens up to date: one websocket for each open page,
// on which operators see every live event and agents get the pop that says who
// is calling before they say hello.
//
// A call tells the Hub and goes on: Publish and Pop never wait for a screen.
// What a slow screen cannot take is dropped, oldest first, and the screen is
// told to ask for the whole again; one that takes nothing is disconnected.
// Whoever comes back within the history gets what it missed, by number; pops of
// calls that are still up are sent again in any case.
//
// The Hub knows no pages and no store: who a socket belongs to is answered by a
// function, and what is sent is what the call said.
package cti
