package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
)

// Read makes events of a body: a JSON object, a JSON array of 100 objects at the
// most, or a form. It is all or nothing. Errors are Invalid and name the field,
// of an array with its place, "[3].status".
func (r Rules) Read(contentType string, body []byte, proof Proof) ([]Event, error) {
	if len(body) > MaxBody {
		return nil, ringbid.FieldError("body", "is larger than %d bytes", MaxBody)
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 {
		return nil, ringbid.FieldError("body", "is empty")
	}
	if !utf8.Valid(body) {
		return nil, ringbid.FieldError("body", "is not UTF-8")
	}
	form, err := isForm(contentType, body)
	if err != nil {
		return nil, err
	}
	if form {
		return r.readForm(body, proof)
	}
	all, many, err := elements(body)
	if err != nil {
		return nil, err
	}
	var events []Event
	for i, raw := range all {
		n, err := parseJSON(raw)
		rec := record{rules: r, root: n, proof: proof, raw: string(raw)}
		if many {
			rec.place = i + 1
		}
		var e *Event
		if err == nil {
			e, err = rec.event()
		}
		if err != nil {
			return nil, placed(err, i, many)
		}
		if e != nil {
			events = append(events, *e)
		}
	}
	return events, nil
}

func (r Rules) readForm(body []byte, proof Proof) ([]Event, error) {
	n, err := parseForm(body)
	if err != nil {
		return nil, err
	}
	e, err := (&record{rules: r, root: n, proof: proof, raw: string(body)}).event()
	if err != nil || e == nil {
		return nil, err
	}
	return []Event{*e}, nil
}

// isForm tells a form from JSON, by what the partner says it is, and where it
// does not say, by the look.
func isForm(contentType string, body []byte) (bool, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = strings.ToLower(strings.TrimSpace(contentType))
	}
	looksJSON := body[0] == '{' || body[0] == '['
	switch {
	case kind == "application/x-www-form-urlencoded":
		return true, nil
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if !looksJSON {
			return false, ringbid.FieldError("body", "is neither an object nor an array")
		}
		return false, nil
	case kind == "" || kind == "text/plain" || kind == "application/octet-stream":
		return !looksJSON, nil
	}
	return false, ringbid.FieldError("content_type", "%.60q is neither JSON nor a form", contentType)
}

// placed puts an element's place in front of an error's field.
func placed(err error, i int, many bool) error {
	var e *ringbid.Error
	if !many || !errors.As(err, &e) {
		return err
	}
	return ringbid.FieldError(fmt.Sprintf("[%d].%s", i, e.Field), "%s", e.Text)
}

func bodyID(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return "sha256:" + hex.EncodeToString(sum[:])
}
