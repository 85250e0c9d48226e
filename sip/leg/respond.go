package leg

import (
	"strconv"

	sipmsg "github.com/emiago/sipgo/sip"
)

// response is one that is written out, so that it can be sent again.
type response struct {
	code int
	data []byte
	cseq *sipmsg.CSeqHeader
}

// respond writes a response to a request (RFC 3261 section 8.2.6): the headers
// that it takes over, then hs and the body. tag becomes the To tag where the
// request brought none; a 100 needs none.
func (s *Stack) respond(req *sipmsg.Request, code int, reason, tag string, hs []Header, body []byte) response {
	w := getWriter()
	defer putWriter(w)
	w.text("SIP/2.0 ", strconv.Itoa(code), " ", reason, "\r\n")
	sets := req.Method != sipmsg.REGISTER && code >= 200 && code < 300 || code > 100 && code < 200 // a dialog
	for _, h := range req.Headers() {
		switch h := h.(type) {
		case *sipmsg.RecordRouteHeader:
			if !sets {
				continue
			}
			h.StringWrite(w)
		case *sipmsg.ViaHeader:
			h.StringWrite(w)
		case *sipmsg.FromHeader:
			h.StringWrite(w)
		case *sipmsg.ToHeader:
			h.StringWrite(w)
			if has, _ := h.Params.Get("tag"); has == "" && tag != "" {
				w.text(";tag=", tag)
			}
		case *sipmsg.CallIDHeader:
			w.text("Call-ID: ", h.Value())
		case *sipmsg.CSeqHeader:
			h.StringWrite(w)
		default:
			if code != 100 || h.Name() != "Timestamp" {
				continue
			}
			w.text("Timestamp: ", h.Value())
		}
		w.text("\r\n")
	}
	if code != 100 && s.cfg.UserAgent != "" {
		w.text("Server: ", s.cfg.UserAgent, "\r\n")
	}
	for _, h := range hs {
		if h.name != "" {
			w.text(h.name, ": ", h.value, "\r\n")
		}
	}
	if len(body) > 0 {
		w.text("Content-Type: application/sdp\r\n")
	}
	w.text("Content-Length: ", strconv.Itoa(len(body)), "\r\n\r\n")
	w.buf = append(w.buf, body...)
	return response{code, w.bytes(), req.CSeq()}
}
