package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// mapPage shows one field map, its editor, what came of trying it, and its
// versions.
type mapPage struct {
	web.View
	Map       *ringbid.FieldMap // as published
	Version   int
	Fields    []mapField
	Methods   []string
	Text      string // in the editor
	From      int    // the version the text began with
	Method    string // on whose leads it is tried
	Problems  []mapProblem
	Trials    []MapTrial
	Tried     bool
	Changes   []MapChange
	Confirm   string // the text whose changes are shown; to publish it is to confirm it
	Meanwhile bool   // somebody published another version since the text began
	Drift     []MapDrift
	DriftOf   string
	Versions  []mapVersion
	Told      string
	Deliver   bool // there is a page of exceptions
}

type mapVersion struct {
	web.DocumentVersion
	Changes []MapChange
	First   bool
	Wrong   string
}

// maxCompared is how many versions are compared with their neighbours.
const maxCompared = 10

// newMap makes the page of the published map.
func (c *Console) newMap(r *web.Request) (mapPage, error) {
	b := c.c.Book()
	m := b.Maps[r.PathValue("name")]
	if m == nil {
		return mapPage{}, absent("map", r.PathValue("name"))
	}
	title := m.Title
	if title == "" {
		title = m.Name
	}
	p := mapPage{View: c.view(r, title, "maps"), Map: m, Version: b.MapVersions[m.Name], Fields: mapFields(m.Fields), Methods: methodsOf(b, m.Name), Deliver: c.c.Deliveries != nil}
	if len(p.Methods) > 0 {
		p.Method = p.Methods[0]
	}
	p.Text, p.From = mapText(*m), p.Version
	var err error
	p.Versions, err = c.mapVersions(r.Context(), m.Key())
	return p, err
}

// mapVersions compares each version with the one before it.
func (c *Console) mapVersions(ctx context.Context, k ringbid.Key) ([]mapVersion, error) {
	list, err := c.c.Documents.Versions(ctx, k)
	if err != nil {
		return nil, err
	}
	var out []mapVersion
	var now *ringbid.FieldMap
	for i, v := range list {
		x := mapVersion{DocumentVersion: v, First: i == len(list)-1}
		if i < maxCompared && !x.First {
			if now == nil {
				now = c.mapAt(ctx, k, v.Version)
			}
			old := c.mapAt(ctx, k, list[i+1].Version)
			if now == nil || old == nil {
				x.Wrong = "cannot be compared"
			} else if x.Changes, err = c.c.Maps.Changes(*old, *now); err != nil {
				x.Wrong = err.Error()
			}
			now = old
		}
		out = append(out, x)
	}
	return out, nil
}

// mapAt returns a version of a map, nil where it is not there.
func (c *Console) mapAt(ctx context.Context, k ringbid.Key, version int) *ringbid.FieldMap {
	d, err := c.c.Documents.At(ctx, k, version)
	if err != nil {
		return nil
	}
	m, _ := d.(*ringbid.FieldMap)
	return m
}

func (c *Console) fieldMap(w http.ResponseWriter, r *web.Request) error {
	p, err := c.newMap(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if n, err := strconv.Atoi(q.Get("version")); err == nil && n > 0 {
		m := c.mapAt(r.Context(), p.Map.Key(), n)
		if m == nil {
			return ringbid.Errorf(ringbid.NotFound, "there is no version %d of map %s", n, p.Map.Name)
		}
		p.Text = mapText(*m)
		p.Told = "Version " + strconv.Itoa(n) + " is in the editor. It is not in use before you publish it."
	}
	if n, err := strconv.Atoi(q.Get("published")); err == nil && n == p.Version {
		p.Told = "Version " + strconv.Itoa(n) + " is published. Deliveries use it from now on; exceptions can be retried with it."
	}
	p.drift(c, *p.Map, "published map")
	return c.pages.Write(w, http.StatusOK, "map.html", p)
}

// drift holds a map against its schema.
func (p *mapPage) drift(c *Console, m ringbid.FieldMap, of string) {
	found, err := c.c.Maps.Drift(m)
	if err != nil {
		found = []MapDrift{{Kind: "schema", Text: err.Error(), Fatal: true}}
	}
	p.Drift, p.DriftOf = found, of
}

// typed makes the page with what was typed, and reads it.
func (c *Console) typed(r *web.Request) (mapPage, ringbid.FieldMap, error) {
	p, err := c.newMap(r)
	if err != nil {
		return p, ringbid.FieldMap{}, err
	}
	p.Text = strings.ToValidUTF8(strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n"), "�")
	if n, err := strconv.Atoi(r.PostFormValue("from")); err == nil {
		p.From = n
	}
	p.Meanwhile = p.From != p.Version
	if m := r.PostFormValue("method"); c.c.Book().Methods[m] != nil {
		p.Method = m
	}
	m, problems := parseMap(p.Text, p.Map.Name)
	p.Problems = mapProblems(p.Text, problems)
	if len(problems) > 0 {
		p.drift(c, *p.Map, "published map")
		return p, m, nil
	}
	trials, problems, err := c.c.Maps.Try(r.Context(), m, p.Method)
	if err != nil && ringbid.KindOf(err) != ringbid.Invalid {
		return p, m, err
	}
	if err != nil {
		problems = append(problems, ringbid.Problem{Text: err.Error()})
	}
	p.Trials, p.Problems = trials, mapProblems(p.Text, problems)
	p.drift(c, m, "map in the editor")
	return p, m, nil
}

// tryMap shows what the typed map makes of stored leads.
func (c *Console) tryMap(w http.ResponseWriter, r *web.Request) error {
	p, _, err := c.typed(r)
	if err != nil {
		return err
	}
	p.Tried = len(p.Problems) == 0
	return c.pages.Write(w, http.StatusOK, "map.html", p)
}

// publishMap shows what would change, and publishes what was shown once it is
// confirmed.
func (c *Console) publishMap(w http.ResponseWriter, r *web.Request) error {
	p, m, err := c.typed(r)
	if err != nil {
		return err
	}
	if len(p.Problems) > 0 {
		return c.pages.Write(w, http.StatusUnprocessableEntity, "map.html", p)
	}
	if p.Changes, err = c.c.Maps.Changes(*p.Map, m); err != nil {
		return err
	}
	// What is confirmed is this text over that version, and nothing else.
	p.Confirm = fingerprint(p.Text, p.Version)
	if r.PostFormValue("confirm") != p.Confirm {
		return c.pages.Write(w, http.StatusOK, "map.html", p)
	}
	n, problems, err := c.c.Documents.Publish(r.Context(), &m, r.User.Name)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		p.Problems, p.Confirm = mapProblems(p.Text, problems), ""
		return c.pages.Write(w, http.StatusUnprocessableEntity, "map.html", p)
	}
	http.Redirect(w, r.Request, "/maps/"+url.PathEscape(m.Name)+"?published="+strconv.Itoa(n), http.StatusSeeOther)
	return nil
}

func fingerprint(text string, version int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(version) + "\n" + text))
	return hex.EncodeToString(sum[:])
}

// Lines is how high the editor is.
func (p mapPage) Lines() int { return min(max(strings.Count(p.Text, "\n")+1, 12), 32) }

// Words says a change's part in words: "format of lead.phone".
func (x MapChange) Words() string {
	if x.Field != "" {
		return x.Field + " of " + x.Path
	}
	return x.Path
}

// Class is the colour that goes with a change's kind.
func (x MapChange) Class() string {
	switch x.Kind {
	case "added":
		return "good"
	case "removed":
		return "bad"
	}
	return "info"
}
