// Package api answers programs in JSON for our own things: calls, the calls of
// this moment, figures, and the operator's hand on a live call.
//
// It reads through the small interfaces in Config and changes nothing but what
// Hangup does. Who may ask is decided by package web; failures are problem
// documents (RFC 9457). The description of it all is at /api/openapi.json, and
// a test holds that description against the routes.
package api
