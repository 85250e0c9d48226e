package api

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/ringbid/ringbid"
)

// element is one that is open. Attributes say nothing here.
type element struct {
	name, last string
	text       strings.Builder
	full       bool // it has elements in it
}

// readXML adds the elements of the root element; those in others are laid flat,
// with dots. A document type is refused, so that no entity can mean anything but
// the five of XML itself.
func readXML(text string, f *fields) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 already
	x := xmlReader{f: f}
	for {
		t, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF) && len(x.open) == 0 && x.done:
			return nil
		case errors.Is(err, io.EOF) || err != nil && d.InputOffset() >= int64(len(text)):
			return ringbid.Errorf(ringbid.Invalid, "the XML ends in the middle")
		case err != nil:
			return ringbid.Errorf(ringbid.Invalid, "the XML is malformed at byte %d", d.InputOffset())
		}
		if err := x.token(t); err != nil {
			return err
		}
	}
}

type xmlReader struct {
	f    *fields
	open []*element
	done bool // the root element is closed
}

func (x *xmlReader) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.Directive:
		return ringbid.Errorf(ringbid.Invalid, "the XML has a document type, which is not taken")
	case xml.StartElement:
		return x.start(t.Name.Local)
	case xml.EndElement:
		return x.end(t.Name.Local)
	case xml.CharData:
		if len(x.open) == 0 && strings.TrimSpace(string(t)) != "" {
			return ringbid.Errorf(ringbid.Invalid, "the XML has text outside its root element")
		}
		if len(x.open) > 0 {
			x.open[len(x.open)-1].text.Write(t)
		}
	}
	return nil
}

func (x *xmlReader) start(name string) error {
	switch {
	case x.done:
		return ringbid.Errorf(ringbid.Invalid, "the XML has more than one root element")
	case len(x.open) >= maxDepth:
		return ringbid.Errorf(ringbid.Invalid, "the XML is nested more than %d deep", maxDepth)
	}
	e := &element{name: name, last: name}
	if n := len(x.open); n > 0 {
		x.open[n-1].full = true
		if n > 1 {
			e.name = x.open[n-1].name + "." + name
		}
	}
	x.open = append(x.open, e)
	return nil
}

func (x *xmlReader) end(name string) error {
	n := len(x.open) - 1
	if n < 0 || x.open[n].last != name {
		return ringbid.Errorf(ringbid.Invalid, "the XML closes %.40q where it is not open", name)
	}
	e := x.open[n]
	x.open, x.done = x.open[:n], n == 0
	text := strings.TrimSpace(e.text.String())
	switch {
	case e.full && text != "":
		return ringbid.Errorf(ringbid.Invalid, "the XML element %.40q has both text and elements", name)
	case n == 0 && text != "":
		return ringbid.Errorf(ringbid.Invalid, "the XML has no fields: its root element holds text only")
	case e.full || n == 0:
		return nil
	}
	return x.f.add(e.name, e.last, text)
}
