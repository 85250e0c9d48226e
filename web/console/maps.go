package console

import (
	"context"
	"net/http"
	"slices"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Maps knows what field maps do.
type Maps interface {
	// Try runs the map on the newest stored leads and open exceptions of the
	// method, up to 5, and returns what is unsound in the map itself.
	Try(ctx context.Context, m ringbid.FieldMap, method string) ([]MapTrial, []ringbid.Problem, error)
	// Changes returns field by field what differs.
	Changes(old, now ringbid.FieldMap) ([]MapChange, error)
	// Drift holds the map against its schema; a map without one has no drift.
	Drift(m ringbid.FieldMap) ([]MapDrift, error)
}

// MapTrial is what a map makes of one lead.
type MapTrial struct {
	Lead, Name string
	Fields     []FieldNote
	Body       string // as it would be sent
	Problems   []ringbid.FieldProblem
	// Changed are the targets whose values differ from those of the published map.
	Changed []string
}

// Differs reports whether the field's value is another one than the published
// map's.
func (t MapTrial) Differs(to string) bool { return slices.Contains(t.Changed, to) }

// MapChange is one difference between two maps.
type MapChange struct {
	Path, Field string // the target, and the part of it
	Kind        string // added, removed, changed or moved
	Old, New    string
}

// MapDrift is a place where a map does not fit its schema. What is Fatal fails
// every lead it concerns.
type MapDrift struct {
	Path, Kind, Text string
	Fatal            bool
}

// Documents reads and publishes configuration documents, of which all versions
// are kept.
type Documents interface {
	// Versions returns them, the newest first.
	Versions(ctx context.Context, k ringbid.Key) ([]web.DocumentVersion, error)
	At(ctx context.Context, k ringbid.Key, version int) (ringbid.Document, error)
	// Publish publishes a document, or returns what is unsound in it.
	Publish(ctx context.Context, d ringbid.Document, by string) (version int, problems []ringbid.Problem, err error)
}

type mapsPage struct {
	web.View
	Rows []mapRow
}

type mapRow struct {
	Name, Title string
	Version     int
	Fields      int
	Methods     []string
	Schema      bool
	Drift       int
	Fatal       bool
	Unsound     string
}

// maps lists the field maps, who uses them, and whether they fit their schemas.
func (c *Console) maps(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	p := mapsPage{View: c.view(r, "Maps", "maps")}
	for _, m := range sorted(b.Maps) {
		row := mapRow{Name: m.Name, Title: m.Title, Version: b.MapVersions[m.Name], Fields: len(mapFields(m.Fields)), Methods: methodsOf(b, m.Name), Schema: len(m.Schema) > 0}
		found, err := c.c.Maps.Drift(*m)
		if err != nil {
			row.Unsound = err.Error()
		}
		row.Drift = len(found)
		for _, d := range found {
			row.Fatal = row.Fatal || d.Fatal
		}
		p.Rows = append(p.Rows, row)
	}
	return c.pages.Write(w, http.StatusOK, "maps.html", p)
}

// methodsOf returns the methods that use a map, by name.
func methodsOf(b *ringbid.Book, name string) []string {
	var out []string
	for _, m := range sorted(b.Methods) {
		if m.Map == name {
			out = append(out, m.Name)
		}
	}
	return out
}
