// Package api answers programs: in JSON for our own things, calls, the calls of
// this moment, figures, and the operator's hand on a live call; in JSON or XML
// for publishers who post leads; and for partners who send news of them.
//
// It reads through the small interfaces in Config and changes nothing but what
// Hangup does; a lead is only read here, within limits, and handed to Intake, a
// partner's request to Hooks. Who may ask is decided by package web, except for
// publishers and partners, who prove themselves by a source's key or a hook's
// signature and have no session. Failures are problem documents (RFC 9457). The
// description of it all is at /api/openapi.json, and a test holds that
// description against the routes; what a publisher must send stands on the page
// that is made from the campaign, /leads/SOURCE/spec.
package api
