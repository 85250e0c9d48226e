package portal

import (
	"net/http"

	"github.com/ringbid/ringbid/web"
)

// manifest lets a phone keep the portal as an app (W3C Web Application
// Manifest). Browsers ask for it without the session, and it says nothing about
// anybody.
func (p *Portal) manifest(w http.ResponseWriter, _ *web.Request) error {
	return p.pages.WritePart(typed{w, "application/manifest+json"}, "manifest.html", "manifest", nil)
}

// typed answers with a media type of its own.
type typed struct {
	http.ResponseWriter
	media string
}

// WriteHeader sets the type before the answer begins.
func (t typed) WriteHeader(status int) {
	t.Header().Set("Content-Type", t.media)
	t.ResponseWriter.WriteHeader(status)
}
