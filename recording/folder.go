package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/ringbid/ringbid"
)

// folder keeps blobs as files.
type folder struct{ dir string }

// Folder returns Blobs in a folder, for example a mounted share. It is made when
// the first recording comes.
func Folder(dir string) Blobs { return folder{dir} }

// Put copies to a temporary name beside the target, syncs, reads back, renames.
func (f folder) Put(ctx context.Context, key, path string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	to, err := filepath.Abs(filepath.Join(f.dir, filepath.FromSlash(key)))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return "", fmt.Errorf("store %s: %w", key, err)
	}
	if err := copyFile(ctx, path, to); err != nil {
		return "", fmt.Errorf("store %s: %w", key, err)
	}
	return fileURL(to)
}

// fileURL returns the path as a URL.
func fileURL(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String(), nil
}

func (f folder) Open(_ context.Context, key string) (io.ReadSeekCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(f.dir, filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ringbid.Errorf(ringbid.NotFound, "no recording %s in the store", key)
	}
	return file, err
}

func (f folder) Delete(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return realDisk{}.remove(filepath.Join(f.dir, filepath.FromSlash(key)))
}

func copyFile(ctx context.Context, from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	tmp, err := os.CreateTemp(filepath.Dir(to), ".copy-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, realDisk{}.remove(tmp.Name()))
		}
	}()
	if err := errors.Join(copyAll(ctx, tmp, src), tmp.Close()); err != nil {
		return err
	}
	if err := os.Chmod(tmp.Name(), 0o640); err != nil {
		return err
	}
	return realDisk{}.rename(tmp.Name(), to)
}

// copyAll copies src, has it synced and compares what can be read back.
func copyAll(ctx context.Context, dst *os.File, src *os.File) error {
	if _, err := io.Copy(dst, patient{ctx, src}); err != nil {
		return err
	}
	if err := dst.Sync(); err != nil {
		return err
	}
	var sums [2]string
	for i, f := range []*os.File{src, dst} {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sum, err := hash(patient{ctx, f})
		if err != nil {
			return err
		}
		sums[i] = sum
	}
	if sums[0] != sums[1] {
		return errors.New("the copy reads back differently")
	}
	return nil
}

// patient reads until its context ends.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}
