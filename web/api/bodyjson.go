package api

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"
)

// readJSON adds the members of a JSON object. Objects and lists in it are laid
// flat, with dots; numbers keep their digits; null is nothing.
func readJSON(text string, f *fields) error {
	j := jsonReader{json.NewDecoder(strings.NewReader(text)), f}
	j.d.UseNumber()
	t, err := j.next()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return ringbid.Errorf(ringbid.Invalid, "the JSON is not an object of fields")
	}
	if err := j.object("", 1); err != nil {
		return err
	}
	if _, err := j.d.Token(); !errors.Is(err, io.EOF) {
		return ringbid.Errorf(ringbid.Invalid, "something follows the JSON object")
	}
	return nil
}

type jsonReader struct {
	d *json.Decoder
	f *fields
}

// next reads a token where one must be.
func (j jsonReader) next() (json.Token, error) {
	t, err := j.d.Token()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ringbid.Errorf(ringbid.Invalid, "the JSON ends in the middle")
	case err != nil:
		return nil, ringbid.Errorf(ringbid.Invalid, "the JSON is malformed at byte %d", j.d.InputOffset())
	}
	return t, nil
}

func (j jsonReader) object(in string, depth int) error {
	for {
		t, err := j.next()
		if err != nil || t == json.Delim('}') {
			return err
		}
		name, _ := t.(string)
		if err := j.value(in+name, name, depth); err != nil {
			return err
		}
	}
}

func (j jsonReader) list(in string, depth int) error {
	for i := 0; j.d.More(); i++ {
		if err := j.value(in+strconv.Itoa(i), "", depth); err != nil {
			return err
		}
	}
	_, err := j.next()
	return err
}

func (j jsonReader) value(name, last string, depth int) error {
	t, err := j.next()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		switch {
		case depth >= maxDepth:
			return ringbid.Errorf(ringbid.Invalid, "the JSON is nested more than %d deep", maxDepth)
		case len(name) > maxName:
			return ringbid.Errorf(ringbid.Invalid, "the JSON has a name of more than %d bytes", maxName)
		case t == '{':
			return j.object(name+".", depth+1)
		}
		return j.list(name+".", depth+1)
	case string:
		return j.f.add(name, last, t)
	case json.Number:
		return j.f.add(name, last, t.String())
	case bool:
		return j.f.add(name, last, strconv.FormatBool(t))
	}
	return nil
}
