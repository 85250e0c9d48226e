// Package console makes the pages of operators and QA: the live board, the list
// of calls, the page of one call with everything that happened in it, and the
// documents the platform runs by.
//
// It draws on the server: the time axis, the SIP ladder and the flow are SVG
// made here, so that every page says the same without script. It changes
// nothing by itself and reads through the small interfaces in Config; who may
// ask is decided by package web before a handler runs. Only the board keeps
// state: a Board is fed with every Event and knows the calls of this moment.
package console
