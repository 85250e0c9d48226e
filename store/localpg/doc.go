// Package localpg runs a private PostgreSQL for one ringbid: its own data
// folder, no network, a socket in a folder that nobody else may enter.
//
// Start makes the cluster where there is none, ends a server that a killed
// predecessor left running, and returns when the server answers. The server
// never runs as root: a root parent starts it as the user postgres or nobody.
// It ends with its parent, is started again when it dies by itself, and is
// stopped by Stop, finished transactions kept.
//
// The package does not upgrade data folders between major versions, does not
// install PostgreSQL, and knows no table.
package localpg
