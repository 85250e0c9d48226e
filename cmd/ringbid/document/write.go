package document

import (
	"bytes"
	"reflect"

	"github.com/goccy/go-yaml"

	"github.com/ringbid/ringbid"
)

// Write renders a document as YAML with its kind in front. Secrets and password
// hashes are shown as dots and recordings by their file's name, so that what is
// written can be read by anyone who may see the page.
func Write(d ringbid.Document) ([]byte, error) {
	clone := reflect.New(reflect.TypeOf(d).Elem())
	clone.Elem().Set(reflect.ValueOf(d).Elem())
	d = clone.Interface().(ringbid.Document)
	for _, s := range ringbid.Secrets(d) {
		*s = ringbid.Secret(s.String())
	}
	switch d := d.(type) {
	case *ringbid.User:
		d.PasswordHash = ringbid.Secret(d.PasswordHash).String()
	case *ringbid.Prompt:
		d.WAV = nil
	}
	var b bytes.Buffer
	b.WriteString("kind: " + string(d.Key().Kind) + "\n")
	body, err := yaml.MarshalWithOptions(d, yaml.UseJSONMarshaler(), yaml.IndentSequence(true))
	if err != nil {
		return nil, err
	}
	b.Write(body)
	return b.Bytes(), nil
}
