package delivery

import (
	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// Check returns what is unsound in the methods and maps among the documents, as
// far as only a delivery can tell: presets, exchanges, expressions, letters,
// fields and schemas.
func Check(docs []ringbid.Document) []ringbid.Problem {
	fields := map[string]*ringbid.FieldMap{}
	for _, d := range docs {
		if m, ok := d.(*ringbid.FieldMap); ok {
			fields[m.Name] = m
		}
	}
	var out []ringbid.Problem
	for _, d := range docs {
		switch d := d.(type) {
		case *ringbid.FieldMap:
			out = append(out, checkMap(d)...)
		case *ringbid.Method:
			if d.Map == "" || fields[d.Map] != nil { // else NewBook has said so
				out = append(out, checkMethod(d, fields[d.Map])...)
			}
		}
	}
	return out
}

func checkMap(m *ringbid.FieldMap) []ringbid.Problem {
	fields, err := Fields(m)
	if err != nil {
		return []ringbid.Problem{{Key: m.Key(), Path: "fields", Text: err.Error()}}
	}
	out := located(m.Key(), "", fields.Validate())
	if len(m.Schema) > 0 {
		if _, err := mapping.ParseSchema(m.Schema); err != nil {
			out = append(out, ringbid.Problem{Key: m.Key(), Path: "schema", Text: err.Error()})
		}
	}
	return out
}

func checkMethod(d *ringbid.Method, m *ringbid.FieldMap) []ringbid.Problem {
	switch d.Type {
	case "http":
		_, problems := Compile(d, m)
		return located(d.Key(), "", problems)
	case "email":
		if d.Email == nil {
			return nil
		}
		var out []ringbid.Problem
		for _, p := range email.Check(form(d.Email)) {
			out = append(out, ringbid.Problem{Key: d.Key(), Path: "email." + p.Path, Text: p.Text})
		}
		return out
	}
	return nil
}

func located(k ringbid.Key, under string, problems []mapping.Problem) []ringbid.Problem {
	var out []ringbid.Problem
	for _, p := range problems {
		out = append(out, ringbid.Problem{Key: k, Path: under + p.Path, Text: p.Text})
	}
	return out
}

func form(e *ringbid.EmailForm) email.Form {
	return email.Form{Subject: e.Subject, Text: e.Text, HTML: e.HTML}
}
