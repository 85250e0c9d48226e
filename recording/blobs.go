package recording

import (
	"context"
	"io"
)

// Blobs x
type Blobs interface {
	Put(ctx context.Context, key, path string) (url string, err error)
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	Delete(ctx context.Context, key string) error
}
