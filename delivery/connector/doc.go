// Package connector makes one HTTP exchange with a partner: a ping to a bidder,
// and later a lead to a buyer or a pop to a desktop.
//
// It bounds the time, the size of the answer and of its headers, follows no
// redirect unless told to, asks for no compression and refuses an answer that is
// compressed all the same. It does not reach loopback, private, link-local and
// other special addresses unless the operator names them, so that a
// configuration written by one person cannot look into another's network. The
// check is made on the address that is dialled, after the name was resolved, so
// that a name that resolves differently the second time gains nothing.
//
// It does not judge what a partner answered: an HTTP status is data. It does not
// retry, queue or log. Addresses of partners often hold credentials, therefore
// no error of this package repeats one.
package connector
