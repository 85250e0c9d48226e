// Package webtest gives page tests and screenshots an installation in memory: a
// believable Book, two dozen calls of every outcome, one of them with everything
// that can happen in a call, sound to play, users of every role.
//
// Fake answers the interfaces that web/console, web/portal and web/api declare;
// New puts them together behind a web.Server as the real program does. Nothing
// here talks to a network or a database, and nothing but tests imports it.
package webtest
