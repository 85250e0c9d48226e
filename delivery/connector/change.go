package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Change returns the exchange with a JSON merge patch (RFC 7396) applied; a map is
// replaced, not mixed. Unknown members are refused, and so are credentials: they
// do not belong where they would be kept in the open.
func (x Exchange) Change(patch []byte) (Exchange, error) {
	var changes, whole map[string]any
	if err := json.Unmarshal(patch, &changes); err != nil {
		return x, fmt.Errorf("is not an object: %w", err)
	}
	if _, ok := changes["auth"]; ok {
		return x, errors.New("auth: credentials have a place of their own, where they are sealed")
	}
	base, err := json.Marshal(x)
	if err == nil {
		err = json.Unmarshal(base, &whole)
	}
	if err != nil {
		return x, err
	}
	if _, mapped := changes["map"]; mapped {
		delete(whole, "map")
	}
	merged, err := json.Marshal(merge(whole, changes))
	if err != nil {
		return x, err
	}
	out := Exchange{}
	d := json.NewDecoder(bytes.NewReader(merged))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		return x, err
	}
	return out, nil
}

func merge(into, changes map[string]any) map[string]any {
	for k, v := range changes {
		inner, is := v.(map[string]any)
		old, was := into[k].(map[string]any)
		switch {
		case v == nil:
			delete(into, k)
		case is && was:
			into[k] = merge(old, inner)
		default:
			into[k] = v
		}
	}
	return into
}
