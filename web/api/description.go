package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ringbid/ringbid/web"
)

//go:embed openapi.json
var openapi []byte

// description returns the description of the API without the addresses that are
// not there in this installation.
func description(routes []web.Route) (json.RawMessage, error) {
	var doc map[string]json.RawMessage
	var paths map[string]map[string]json.RawMessage
	if err := json.Unmarshal(openapi, &doc); err != nil {
		return nil, fmt.Errorf("read openapi.json: %w", err)
	}
	if err := json.Unmarshal(doc["paths"], &paths); err != nil {
		return nil, fmt.Errorf("read openapi.json: %w", err)
	}
	there := map[string]bool{}
	for _, r := range routes {
		method, path, _ := strings.Cut(r.Pattern, " ")
		there[path+" "+strings.ToLower(method)] = true
	}
	for path, methods := range paths {
		for m := range methods {
			if !there[path+" "+m] {
				delete(methods, m)
			}
		}
		if len(methods) == 0 {
			delete(paths, path)
		}
	}
	b, err := json.Marshal(paths)
	if err != nil {
		return nil, err
	}
	doc["paths"] = b
	return json.Marshal(doc)
}
