// Package migrations holds the schema as numbered SQL files, run in order and
// each once. They only go forward, and code of the release before must run on
// the schema they leave: columns are added first and removed a release later.
// Running them is the store's job.
package migrations

import "embed"

// Files holds the migrations, named "0001_what.sql".
//
//go:embed *.sql
var Files embed.FS
