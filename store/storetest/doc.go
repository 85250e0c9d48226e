// Package storetest gives each test a store of its own on a real Postgres.
//
// The first test that asks starts one private cluster for the test binary and
// migrates a template database; each test gets a copy of it, dropped when the
// test ends, so that tests may run in parallel. The cluster ends with the
// binary; Main ends it earlier and cleans up. Where Postgres is missing, tests
// fail: they are not skipped.
package storetest
