// Package connector makes one HTTP exchange with a partner: a ping to a bidder,
// a lead to a buyer, a pop to a desktop.
//
// Client is the guarded line out. It bounds the time, the size of the answer and
// of its headers, follows no redirect unless told to, asks for no compression and
// refuses an answer that is compressed all the same. It does not reach loopback,
// private, link-local and other special addresses unless the operator names them,
// so that a configuration written by one person cannot look into another's
// network. The check is made on the address that is dialled, after the name was
// resolved, so that a name that resolves differently the second time gains
// nothing. To a Client an HTTP status is data.
//
// An Exchange is a whole conversation as data: request, fields (package mapping),
// credentials, and Rules that read the answer. Compile checks it and makes a Plan;
// Sender makes the exchange and gives an Outcome: a class, the partner's own id,
// price and reason, how far the request came (Sent), and copies of both sides
// without secrets. OAuth 2.0 tokens are kept in a TokenStore and renewed by one
// asker at a time. Preset gives exchanges to start from.
//
// Nothing is accepted because of a status: the success rule is mandatory. What
// was sent and not understood is ambiguous, not rejected, because someone may act
// on a rejection by selling again. The package does not retry, queue, wait or
// log; what follows from an outcome is decided elsewhere. No lead chooses the
// host it is sent to. Addresses of partners often hold credentials, therefore no
// error of this package repeats one.
package connector
