package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ringbid/ringbid/web/api"
)

// TestDescription holds openapi.json against the routes, both ways, and looks
// that what is not there is not described.
func TestDescription(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*api.Config){
		"everything": nil,
		"calls only": func(c *api.Config) { c.Intake, c.Hooks, c.Book = nil, nil, nil },
	} {
		h := setup(t, documents(), change)
		var doc struct {
			Paths map[string]map[string]json.RawMessage `json:"paths"`
		}
		if err := json.Unmarshal([]byte(h.send(t, http.MethodGet, "/api/openapi.json", "").body), &doc); err != nil {
			t.Fatal(err)
		}
		described := map[string]bool{}
		for path, methods := range doc.Paths {
			for m := range methods {
				described[strings.ToUpper(m)+" "+path] = true
			}
		}
		leads := 0
		for _, r := range h.web.Routes() {
			if strings.Contains(r.Pattern, " /leads/") || strings.Contains(r.Pattern, " /hooks/") || strings.Contains(r.Pattern, " /api/") {
				if !described[r.Pattern] {
					t.Errorf("%s: %s is not described", name, r.Pattern)
				}
				delete(described, r.Pattern)
			}
			if strings.Contains(r.Pattern, "/leads/") || strings.Contains(r.Pattern, "/hooks/") {
				leads++
			}
		}
		for left := range described {
			t.Errorf("%s: %s is described and not there", name, left)
		}
		if (leads > 0) != (name == "everything") {
			t.Errorf("%s: %d routes of leads and hooks", name, leads)
		}
	}
	if _, err := api.New(api.Config{Calls: noCalls{}, Intake: &intake{}}); err == nil {
		t.Error("an API without a book was made")
	}
}
