// Package spool keeps records on disk until somebody says that they are kept
// elsewhere: named byte strings in append-only segment files.
//
// Append returns when the record is on the disk itself; callers that append at
// the same time share one flush. Write leaves the flush to its caller and waits
// for no disk, not even that of somebody else's flush. Remove marks a record as done; a segment whose
// records are all done is deleted. Opening reads the segments, cuts off what a
// crash left half written and moves what does not match its checksum into a
// file ending in .bad, so that one damaged record never hides the sound ones.
//
// The package does not look into records, order their processing or know why
// they wait. One process at a time may have a folder open.
package spool
