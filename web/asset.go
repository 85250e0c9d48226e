package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// importLine is how our scripts name one another.
var importLine = regexp.MustCompile(`(?m)^import (?:\{[^}]*\} from )?'\./([a-z]+\.js)';$`)

//go:embed static
var static embed.FS

// assetStore keeps the files under an address that names their content, so that
// browsers may keep them for ever and modules can import one another.
type assetStore struct {
	prefix string
	plain  map[string][]byte
	zipped map[string][]byte
}

func loadAssets() *assetStore {
	a := &assetStore{plain: map[string][]byte{}, zipped: map[string][]byte{}}
	sum := sha256.New()
	entries, _ := fs.ReadDir(static, "static")
	for _, e := range entries {
		b := readAsset(e.Name(), map[string]bool{})
		sum.Write([]byte(e.Name()))
		sum.Write(b)
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
		_, _ = w.Write(b)
		_ = w.Close()
		a.plain[e.Name()], a.zipped[e.Name()] = b, z.Bytes()
	}
	a.prefix = "/static/" + hex.EncodeToString(sum.Sum(nil))[:12] + "/"
	return a
}

// readAsset returns a file; a script comes with what it imports in front, so
// that a page needs one request for all of it.
func readAsset(name string, seen map[string]bool) []byte {
	seen[name] = true
	b, _ := fs.ReadFile(static, "static/"+name)
	if path.Ext(name) != ".js" {
		return b
	}
	return importLine.ReplaceAllFunc(b, func(line []byte) []byte {
		from := string(importLine.FindSubmatch(line)[1])
		if seen[from] {
			return nil
		}
		return bytes.ReplaceAll(readAsset(from, seen), []byte("\nexport "), []byte("\n"))
	})
}

// url returns where the file is.
func (a *assetStore) url(name string) string { return a.prefix + name }

// ServeHTTP answers with the file.
func (a *assetStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, a.prefix)
	b, known := a.plain[name]
	if !ok || !known {
		plain(w, http.StatusNotFound, "there is no such file")
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		b = a.zipped[name]
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}
