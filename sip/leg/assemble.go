package leg

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// sipgo's parsers of single values.
var (
	readVia         = sipmsg.DefaultHeadersParser()["via"]
	readFrom        = sipmsg.DefaultHeadersParser()["from"]
	readTo          = sipmsg.DefaultHeadersParser()["to"]
	readContact     = sipmsg.DefaultHeadersParser()["contact"]
	readRoute       = sipmsg.DefaultHeadersParser()["route"]
	readRecordRoute = sipmsg.DefaultHeadersParser()["record-route"]
)

var errStart = errors.New("start line not understood")

// assembly is a message understood, with its headers as they came.
type assembly struct {
	req *sipmsg.Request
	res *sipmsg.Response
	hs  []Header
}

// understand makes a message of what passed the inspection, which may have
// rewritten what m was cut from.
func (m *raw) understand(data []byte) (assembly, error) {
	if len(data) > 0 && &data[0] != &m.start[0] && m.scan(data) != "" {
		return assembly{}, errStart
	}
	return m.assemble(data)
}

// assemble makes the message: m is what data was cut into. Names and values point
// into one string.
func (m *raw) assemble(data []byte) (a assembly, err error) {
	text := string(data[:len(data)-len(m.body)]) // which is the rest
	start := piece(text, data, m.start)
	var msg sipmsg.Message
	if msg, err = a.begin(start, m.start); err != nil {
		return a, err
	}
	a.hs = make([]Header, m.n)
	for i := range m.n {
		h := &m.headers[i]
		name, value := piece(text, data, h.name), piece(text, data, h.value)
		if m.folded {
			value = string(unfold(h.value))
		}
		a.hs[i] = Header{longName(name), value}
		if err := add(msg, h.id, a.hs[i]); err != nil {
			return a, err
		}
	}
	body := m.body
	if n, given := length(m); given {
		body = body[:n]
	}
	if len(body) > 0 {
		msg.SetBody(bytes.Clone(body))
	}
	return a, nil
}

// piece is what of text, a copy of whole, is part of whole. A part that is not
// empty has the rest of whole as its capacity.
func piece(text string, whole, part []byte) string {
	if len(part) == 0 {
		return ""
	}
	from := cap(whole) - cap(part)
	return text[from : from+len(part)]
}

// begin reads the start line, which has three parts.
func (a *assembly) begin(line string, raw []byte) (sipmsg.Message, error) {
	i := bytes.IndexByte(raw, ' ')
	j := i + 1 + bytes.IndexByte(raw[i+1:], ' ')
	if i < 0 || j <= i {
		return nil, errStart
	}
	if asciiFold(raw[:min(4, len(raw))], "sip/") {
		code, err := strconv.ParseUint(line[i+1:j], 10, 16)
		if err != nil {
			return nil, errStart
		}
		a.res = sipmsg.NewResponse(int(code), line[j+1:])
		return a.res, nil
	}
	var uri sipmsg.Uri
	if err := sipmsg.ParseUri(line[i+1:j], &uri); err != nil || uri.Wildcard {
		return nil, errStart
	}
	a.req = sipmsg.NewRequest(sipmsg.RequestMethod(line[:i]), uri)
	return a.req, nil
}

// add understands a header. One of the lesser kind that is malformed stays as it
// is: a call can be answered without it.
func add(msg sipmsg.Message, id field, h Header) error {
	switch id {
	case fVia:
		return addOne(msg, readVia, h, true)
	case fFrom:
		return addOne(msg, readFrom, h, true)
	case fTo:
		return addOne(msg, readTo, h, true)
	case fCallID:
		id := sipmsg.CallIDHeader(h.value)
		msg.AppendHeader(&id)
	case fCSeq:
		return addCSeq(msg, h.value)
	case fForwards:
		n, err := strconv.ParseUint(h.value, 10, 32)
		if err != nil {
			return err
		}
		forwards := sipmsg.MaxForwardsHeader(n)
		msg.AppendHeader(&forwards)
	case fLength: // the body has it
	case fContact:
		return addList(msg, readContact, h)
	case fRoute:
		return addList(msg, readRoute, h)
	case fRecordRoute:
		return addList(msg, readRecordRoute, h)
	case fType:
		kind := sipmsg.ContentTypeHeader(h.value)
		msg.AppendHeader(&kind)
	default:
		msg.AppendHeader(sipmsg.NewHeader(h.name, h.value))
	}
	return nil
}

func addCSeq(msg sipmsg.Message, value string) error {
	for i := range len(value) {
		if value[i] != ' ' {
			continue
		}
		n, err := strconv.ParseUint(value[:i], 10, 31)
		if err != nil {
			return err
		}
		msg.AppendHeader(&sipmsg.CSeqHeader{SeqNo: uint32(n), MethodName: sipmsg.RequestMethod(value[i+1:])})
		return nil
	}
	return errStart
}

func addOne(msg sipmsg.Message, read sipmsg.HeaderParser, h Header, needed bool) error {
	one, err := read(nil, h.value)
	switch {
	case err == nil:
		msg.AppendHeader(one)
	case needed:
		return err
	default:
		msg.AppendHeader(sipmsg.NewHeader(h.name, h.value))
	}
	return nil
}

// addList adds each member of a comma list.
func addList(msg sipmsg.Message, read sipmsg.HeaderParser, h Header) error {
	if strings.IndexByte(h.value, ',') < 0 {
		return addOne(msg, read, h, false)
	}
	for _, one := range splitList([]byte(h.value)) {
		if err := addOne(msg, read, Header{h.name, string(one)}, false); err != nil {
			return err
		}
	}
	return nil
}
