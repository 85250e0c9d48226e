// Package console makes the pages of operators and QA: the live board, the lists
// of calls and leads, the page of one call or lead with everything that happened
// in it, the watch over deliveries, what of them needs a person, field maps and
// their editor, and the documents the platform runs by.
//
// It draws on the server: the time axes, the SIP ladder and the flow are SVG
// made here, so that every page says the same without script. It changes
// nothing by itself: it reads, and hands a person's decisions on, through the
// small interfaces in Config; what a field map does is asked there as well. Who
// may ask is decided by package web before a handler runs. Only the board keeps
// state: a Board is fed with every Event and knows the calls of this moment.
package console
