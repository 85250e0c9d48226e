package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Pages are templates that share the frame: rail, top bar, search.
type Pages struct{ byName map[string]*template.Template }

// NewPages reads every *.html of the folder. A file fills the frame's blocks
// "main" and, if it wants another one than app.js, "script"; files beginning with "_" are read into
// all the others.
func NewPages(fsys fs.FS) (*Pages, error) {
	frame, err := template.New("frame.html").Funcs(funcs(loadAssets())).ParseFS(templates, "templates/frame.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(fsys, "*.html")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if strings.HasPrefix(n, "_") {
			if _, err := frame.ParseFS(fsys, n); err != nil {
				return nil, err
			}
		}
	}
	p := &Pages{byName: map[string]*template.Template{}}
	for _, n := range names {
		if n == "frame.html" || strings.HasPrefix(n, "_") {
			continue
		}
		t, err := frame.Clone()
		if err != nil {
			return nil, err
		}
		if p.byName[n], err = t.ParseFS(fsys, n); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Write answers with a page. Nothing is sent where the template fails.
func (p *Pages) Write(w http.ResponseWriter, status int, name string, data any) error {
	return p.write(w, status, name, "frame", data)
}

// WritePart answers with one block of a page, for scripts that refresh it.
func (p *Pages) WritePart(w http.ResponseWriter, name, block string, data any) error {
	return p.write(w, http.StatusOK, name, block, data)
}

func (p *Pages) write(w http.ResponseWriter, status int, name, block string, data any) error {
	t := p.byName[name]
	if t == nil {
		return fmt.Errorf("page %s is not there", name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, block, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

// View is what the frame shows; every page's struct embeds one.
type View struct {
	Title, Section string
	User           *ringbid.User
	CSRF           string
	Theme          string
	Zone           *time.Location
	Places         []Place
	Here           string // the address of this page, to come back to
	Query          string // what was searched for
	Now            time.Time
}

// View makes the frame of a page; section is the rail's entry it belongs to.
func (r *Request) View(title, section string) View {
	here := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		here = "/"
	}
	return View{
		Title: title, Section: section, User: r.User, CSRF: r.CSRF, Theme: r.Theme, Zone: r.Zone,
		Places: Places(r.User), Here: here, Now: time.Now(),
	}
}

// ZoneName returns the name of the zone times are shown in.
func (v View) ZoneName() string { return v.Zone.String() }

// Zones returns the zones offered in the top bar, the present one among them.
func (v View) Zones() []string {
	out := []string{"UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu", "Europe/London", "Europe/Berlin", "Asia/Manila"}
	for _, z := range out {
		if z == v.ZoneName() {
			return out
		}
	}
	return append([]string{v.ZoneName()}, out...)
}

// Clock writes the time of day to the second.
func (v View) Clock(t time.Time) string { return in(t, v.Zone, "15:04:05") }

// Stamp writes day and time.
func (v View) Stamp(t time.Time) string { return in(t, v.Zone, "Jan 2 15:04:05") }

// Full writes date, time to the millisecond, and zone.
func (v View) Full(t time.Time) string { return in(t, v.Zone, "2006-01-02 15:04:05.000 MST") }

func in(t time.Time, z *time.Location, layout string) string {
	if t.IsZero() {
		return "–"
	}
	if z == nil {
		z = time.UTC
	}
	return t.In(z).Format(layout)
}

// funcs are what all templates may call.
func funcs(assets *assetStore) template.FuncMap {
	return template.FuncMap{
		"asset": assets.url,
		"cash":  Cash,
		"cents": Cents,
		"span":  Span,
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"ms":    func(d time.Duration) int64 { return d.Milliseconds() },
		"query": func(pairs ...string) string {
			q := url.Values{}
			for i := 0; i+1 < len(pairs); i += 2 {
				if pairs[i+1] != "" {
					q.Set(pairs[i], pairs[i+1])
				}
			}
			return q.Encode()
		},
		"phone":       PhoneText,
		"phone_short": PhoneShort,
		"count":       Count,
		"count64":     func(n uint64) string { return Count(int64(n)) },
		"or_dash": func(s string) string {
			if s == "" {
				return "–"
			}
			return s
		},
	}
}
