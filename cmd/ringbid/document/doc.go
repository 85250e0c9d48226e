// Package document reads configuration documents as an operator writes them:
// YAML files, several documents in one, a folder of them, and says with file,
// line and path what is wrong. It writes documents back the same way.
//
// It refuses unknown keys, keys that stand twice, aliases that would grow, and
// files over a limit. It does not store anything and knows no database: what
// it returns is for ringbid.NewBook and the store.
package document
