package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

// TestBlobs holds the folder and the bucket against the same promises.
func TestBlobs(t *testing.T) {
	t.Parallel()
	gateway := startS3(t)
	for name, open := range map[string]func(t *testing.T) Blobs{
		"folder": func(t *testing.T) Blobs { return Folder(filepath.Join(t.TempDir(), "store")) },
		"s3":     func(t *testing.T) Blobs { return gateway.bucket(t, "calls") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testBlobs(t, open(t))
		})
	}
}

func testBlobs(t *testing.T, b Blobs) {
	t.Helper()
	ctx := t.Context()
	const key = "2026/03/04/call-1.wav"
	content := sound(700, nil)
	path := filepath.Join(t.TempDir(), "x.wav")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(ctx, key); ringbid.KindOf(err) != ringbid.NotFound {
		t.Fatal("open what is not there:", err)
	}
	where, err := b.Put(ctx, key, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := url.Parse(where); err != nil || !strings.HasSuffix(where, key) {
		t.Errorf("stored at %q", where)
	}
	if again, err := b.Put(ctx, key, path); err != nil || again != where {
		t.Errorf("stored again at %q: %v", again, err)
	}
	r, err := b.Open(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, content); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := b.Delete(ctx, key); err != nil {
			t.Error("delete:", err)
		}
	}
	if _, err := b.Open(ctx, key); ringbid.KindOf(err) != ringbid.NotFound {
		t.Error("open what was deleted:", err)
	}
	if _, err := b.Put(ctx, key, path+".missing"); err == nil {
		t.Error("a file that is not there was stored")
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.Put(gone, key, path); !errors.Is(err, context.Canceled) {
		t.Error("put with an ended context:", err)
	}
	for _, bad := range []string{"", "/etc/passwd", "../x", "a/../../x", "a//b", ".", `a\b`} {
		_, err := b.Put(ctx, bad, path)
		_, err2 := b.Open(ctx, bad)
		err3 := b.Delete(ctx, bad)
		for _, err := range []error{err, err2, err3} {
			if ringbid.KindOf(err) != ringbid.Invalid {
				t.Errorf("key %q: %v", bad, err)
			}
		}
	}
}

// TestUploadAndRemove takes a recording all the way: sealed, uploaded, removed
// here, read from there.
func TestUploadAndRemove(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{Blobs: startS3(t).bucket(t, "calls")})
	f := start(t, r, "call")
	say(t, f, 0, 100)
	rec := seal(t, f)
	ctx := t.Context()
	if err := r.Remove(ctx, rec); ringbid.KindOf(err) != ringbid.Conflict {
		t.Fatal("remove before upload:", err)
	}
	var err error
	if rec.URL, err = r.Upload(ctx, rec); err != nil || rec.URL != "s3://calls/some/prefix/2026/03/04/call.wav" {
		t.Fatal(rec.URL, err)
	}
	if err := r.Remove(ctx, rec); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(rec.Path); !os.IsNotExist(err) {
		t.Fatal("the local file is still there:", err)
	}
	back, err := r.Reader(ctx, rec)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	shown, err := PCM(back)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := shown.Seek(0, io.SeekEnd); err != nil || size != 44+100*frame*4 {
		t.Fatal("size", size, err)
	}
	if _, err := r.Upload(ctx, rec); ringbid.KindOf(err) != ringbid.NotFound {
		t.Error("upload what is not there:", err)
	}
	if err := r.cfg.Blobs.Delete(ctx, Key(rec.Path)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reader(ctx, rec); ringbid.KindOf(err) != ringbid.NotFound {
		t.Error("read what is gone:", err)
	}
}

func TestUploadWithoutStore(t *testing.T) {
	t.Parallel()
	if where, err := Upload(t.Context(), nil, "/srv/calls/a b.wav"); err != nil || where != "file:///srv/calls/a%20b.wav" {
		t.Error(where, err)
	}
}

func TestUploadRefusesChangedFile(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	r := setup(t, Config{Blobs: Folder(store)})
	f := start(t, r, "call")
	say(t, f, 0, 10)
	rec := seal(t, f)
	if err := os.WriteFile(rec.Path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Upload(t.Context(), rec); ringbid.KindOf(err) != ringbid.Conflict {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(store, Key(rec.Path))); !os.IsNotExist(err) {
		t.Error("it was stored:", err)
	}
}

// TestLyingBucket has a server that says yes and keeps nothing, less, or
// something else: none counts as stored.
func TestLyingBucket(t *testing.T) {
	t.Parallel()
	content := sound(10, nil)
	path := filepath.Join(t.TempDir(), "x.wav")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string][]byte{
		"nothing": nil, "less": content[:100], "other": append([]byte{0xAA}, content[1:]...), "all": content,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				switch {
				case r.Method == http.MethodPut:
				case kept == nil:
					w.WriteHeader(http.StatusNotFound)
				default:
					http.ServeContent(w, r, "", ringTime, bytes.NewReader(kept))
				}
			}))
			t.Cleanup(srv.Close)
			b, err := S3(t.Context(), S3Config{Bucket: "calls", Endpoint: srv.URL, PathStyle: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Put(t.Context(), "a.wav", path); (err == nil) != (name == "all") {
				t.Errorf("put: %v", err)
			}
		})
	}
}

func TestParseS3(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]S3Config{
		"s3://calls":                                 {Bucket: "calls"},
		"s3://calls/prod/a/":                         {Bucket: "calls", Prefix: "prod/a"},
		"s3://calls/prod?region=eu-1":                {Bucket: "calls", Prefix: "prod", Region: "eu-1"},
		"s3://c?endpoint=http://h:9000":              {Bucket: "c", Endpoint: "http://h:9000", PathStyle: true},
		"s3://c?endpoint=https://h&path_style=false": {Bucket: "c", Endpoint: "https://h"},
	} {
		got, err := ParseS3(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
	for _, in := range []string{
		"", "calls", "s3://", "http://x/y", "s3://u:p@calls", "s3://calls/../x", "s3://calls?endpoint=h:9000",
		"s3://calls?path_style=maybe", "s3://calls?secret=x", "s3://calls\x00",
	} {
		if c, err := ParseS3(in); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%q: %+v %v", in, c, err)
		}
	}
	for _, in := range []string{"", "gs://x/y", "s3://"} {
		if _, err := Store(t.Context(), in); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("store %q: %v", in, err)
		}
	}
	if b, err := Store(t.Context(), "/srv/calls"); err != nil || b != Folder("/srv/calls") {
		t.Error(b, err)
	}
}

func FuzzPCM(f *testing.F) {
	head := header(3)
	f.Add(append(head[:], 1, 2, 3, 4, 5, 6), 3)
	f.Add(head[:40], 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		shown, err := PCM(bytes.NewReader(b))
		if err != nil {
			return
		}
		whole, err := io.ReadAll(shown)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shown.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(shown, whole); err != nil {
			t.Fatalf("%.200s", err)
		}
		if _, err := Peaks(bytes.NewReader(b), n); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHashOfFile(t *testing.T) {
	t.Parallel()
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got, err := hash(strings.NewReader("")); err != nil || got != empty || len(got) != 2*sha256.Size {
		t.Error(got, err)
	}
	if _, err := hash(iotest.ErrReader(io.ErrNoProgress)); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}
