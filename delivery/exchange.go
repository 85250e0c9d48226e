package delivery

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// DefaultPreset is the exchange a method starts from where it names none.
const DefaultPreset = "json-post"

// Exchange returns the exchange a method makes: its preset with the method's
// settings, changes, map and credentials. m is the method's Map document, or
// nil.
func Exchange(d *ringbid.Method, m *ringbid.FieldMap) (connector.Exchange, []mapping.Problem) {
	x, ok := connector.Preset(cmp.Or(d.Preset, DefaultPreset))
	if !ok {
		return x, []mapping.Problem{{Path: "preset", Text: fmt.Sprintf("%.60q is not one of %v", d.Preset, connector.Presets())}}
	}
	if len(d.Exchange) > 0 {
		changed, err := x.Change(d.Exchange)
		if err != nil {
			return x, []mapping.Problem{{Path: "exchange", Text: err.Error()}}
		}
		x = changed
	}
	settings := maps.Clone(x.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	maps.Copy(settings, d.Settings)
	x.Settings = settings
	if m != nil {
		fields, err := Fields(m)
		if err != nil {
			return x, []mapping.Problem{{Path: "map", Text: err.Error()}}
		}
		x.Map = &fields
	}
	if d.Auth.Kind != "" || x.Auth.Kind == "" {
		x.Auth = auth(x.Auth, d.Auth, d.Name)
	}
	return x, nil
}

// auth puts the method's credentials into the preset's way of using them.
func auth(preset connector.Auth, a ringbid.MethodAuth, method string) connector.Auth {
	out := connector.Auth(a)
	if out.Kind == preset.Kind {
		out.Name = cmp.Or(out.Name, preset.Name)
		out.Prefix = cmp.Or(out.Prefix, preset.Prefix)
		out.TokenURL = cmp.Or(out.TokenURL, preset.TokenURL)
		out.Scope = cmp.Or(out.Scope, preset.Scope)
	}
	out.Account = cmp.Or(out.Account, method)
	return out
}

// Fields reads the fields of a Map document. The error says what is unsound.
func Fields(m *ringbid.FieldMap) (mapping.Map, error) {
	var out mapping.Map
	d := json.NewDecoder(bytes.NewReader(m.Fields))
	d.DisallowUnknownFields()
	if err := d.Decode(&out.Fields); err != nil {
		return out, fmt.Errorf("fields: %w", err)
	}
	return out, nil
}

// Compile returns the plan of a method's exchange, or what is wrong with it.
func Compile(d *ringbid.Method, m *ringbid.FieldMap) (*connector.Plan, []mapping.Problem) {
	x, problems := Exchange(d, m)
	if len(problems) > 0 {
		return nil, problems
	}
	return connector.Compile(x)
}
