package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringbid/ringbid"
)

// Blobs is where sealed recordings are kept. Keys are slash-separated paths
// without "." and ".." such as "2026/03/04/<call>.wav".
type Blobs interface {
	// Put copies the file at path under the key, in place of what was there,
	// and returns where it is now. No error means that the copy has been
	// verified, by size and SHA-256, and is durable.
	Put(ctx context.Context, key, path string) (url string, err error)
	// Open returns what is kept under the key, or a NotFound error. It may be
	// read at any place.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	// Delete removes what is kept under the key; nothing there is no error.
	Delete(ctx context.Context, key string) error
}

// Store returns the Blobs that an operator names: a folder, or
// "s3://bucket/prefix?region=…&endpoint=…" as S3Config says. It does not reach
// out; a missing bucket shows at the first Put.
func Store(ctx context.Context, place string) (Blobs, error) {
	if strings.HasPrefix(place, "s3://") {
		c, err := ParseS3(place)
		if err != nil {
			return nil, err
		}
		return S3(ctx, c)
	}
	if place == "" || strings.Contains(place, "://") {
		return nil, ringbid.Errorf(ringbid.Invalid, "recordings store %q is neither a folder nor s3://bucket/prefix", place)
	}
	return Folder(place), nil
}

// Key returns under which key a recording is kept: the last four elements of
// its path.
func Key(path string) string {
	parts := strings.Split(filepath.ToSlash(path), "/")
	return strings.Join(parts[max(0, len(parts)-4):], "/")
}

// Upload copies the sealed recording at path to b and returns where it is. It
// may be repeated. Without a store the recording stays, and its file URL is
// returned.
func Upload(ctx context.Context, b Blobs, path string) (url string, err error) {
	if b == nil {
		return fileURL(path)
	}
	return b.Put(ctx, Key(path), path)
}

// Upload is the function of that name for the recorder's store. It refuses a
// file that is not the one that was sealed (Conflict) and counts.
func (r *Recorder) Upload(ctx context.Context, rec ringbid.Recording) (url string, err error) {
	result := "stored"
	if err = check(rec); err != nil {
		result = "refused"
	} else if url, err = Upload(ctx, r.cfg.Blobs, rec.Path); err != nil {
		result = "failed"
	}
	r.metrics.uploads.WithLabelValues(result).Inc()
	if err != nil {
		return "", fmt.Errorf("upload recording of call %s: %w", rec.ID, err)
	}
	return url, nil
}

// check makes sure that the local file still is what was sealed.
func check(rec ringbid.Recording) error {
	f, err := os.Open(rec.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return ringbid.Errorf(ringbid.NotFound, "no file %s", rec.Path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	sum, err := hash(f)
	if err != nil {
		return err
	}
	if sum != rec.SHA256 {
		return ringbid.Errorf(ringbid.Conflict, "file %s has changed since it was sealed", rec.Path)
	}
	return nil
}

// Remove deletes the local file of a recording whose copy Upload has verified:
// rec.URL is set and the copy has its size. What is not there is no error.
func (r *Recorder) Remove(ctx context.Context, rec ringbid.Recording) error {
	if r.cfg.Blobs == nil || rec.URL == "" {
		return ringbid.Errorf(ringbid.Conflict, "remove recording of call %s: it has not been uploaded", rec.ID)
	}
	kept, err := r.cfg.Blobs.Open(ctx, Key(rec.Path))
	if err != nil {
		return fmt.Errorf("remove recording of call %s: %w", rec.ID, err)
	}
	size, err := kept.Seek(0, io.SeekEnd)
	if err := errors.Join(err, kept.Close()); err != nil {
		return fmt.Errorf("remove recording of call %s: %w", rec.ID, err)
	}
	if size != rec.Bytes {
		return ringbid.Errorf(ringbid.Conflict, "remove recording of call %s: the copy has %d bytes of %d", rec.ID, size, rec.Bytes)
	}
	return r.disk.remove(rec.Path)
}

// Reader opens a recording for reading at any place: the local file where there
// is one, else the copy in the store. The error is NotFound where there is
// neither.
func (r *Recorder) Reader(ctx context.Context, rec ringbid.Recording) (io.ReadSeekCloser, error) {
	f, err := os.Open(rec.Path)
	switch {
	case err == nil:
		return f, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open recording of call %s: %w", rec.ID, err)
	case r.cfg.Blobs == nil:
		return nil, ringbid.Errorf(ringbid.NotFound, "recording of call %s is gone", rec.ID)
	}
	return r.cfg.Blobs.Open(ctx, Key(rec.Path))
}

// checkKey refuses keys that could leave their place.
func checkKey(key string) error {
	if !fs.ValidPath(key) || key == "." || strings.ContainsRune(key, '\\') {
		return ringbid.Errorf(ringbid.Invalid, "key %.80q is not a plain path", key)
	}
	return nil
}
