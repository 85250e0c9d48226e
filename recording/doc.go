// Package recording keeps the sound of calls: a two-channel µ-law WAV file per
// call, the caller left, the agent and the prompts right, from the first
// contact to the hang-up, sealed with its SHA-256 and moved to a folder or an
// S3 bucket.
//
// It never holds up a call, and goes by the monotonic clock: setting the system's
// moves nothing. It refuses to wait for a disk on the media thread,
// to touch a disk in Start, to decode or mix, and to remove a local file whose
// copy it has not verified.
//
// A [Recorder] owns the recordings folder. Start gives a [File], which is a
// media tap: Frame copies a packet into the file's ring, a window of about four
// seconds on the call's clock, and returns. In 512 ms one writer goroutine goes
// round all files, claims what is old enough that nothing late will arrive for it,
// in whole blocks of the file system, and writes it at the offset that belongs to
// its position: 58 bytes of header, then two bytes per position. Every two seconds
// a second goroutine syncs what was written, many files with one syncfs(2), which
// also writes what others left on the device, so that a slow disk delays a sync
// and not the writing; a third keeps a stock of memory for the rings, which hold
// only what is not yet written. When the disk is full or too slow the ring
// overflows, samples are counted as lost, and the file goes on, with silence in
// the gap, as soon as it can be written again.
//
// What a process that is killed loses of a recording is its last 1.2 s: 400 ms in
// which packets may be late, a block of 256 ms, a round.
//
// While it grows a file is named .wav.part; its header is right at every sync.
// Seal writes the rest, syncs, hashes and renames, and where the disk refuses it is
// tried again until the recording is there, or its file is not. What a crash leaves
// behind is repaired by the next Open. Both are reported through Config.Found.
//
// [Blobs] is where sealed recordings go: [Folder] or [S3]. [Waveform] and [PCM]
// serve the pages.
package recording
