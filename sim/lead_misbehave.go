package sim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// leadReply is a sound answer and how the request was written.
type leadReply struct {
	leadAnswer
	kind string
}

// answer says it, in the way of the fault.
func (b *LeadBuyers) answer(w http.ResponseWriter, r *http.Request, f LeadFault, a leadReply) {
	contentType, sound := a.encode(a.kind)
	w.Header().Set("Content-Type", contentType)
	switch f {
	case LeadFaultNone:
		_, _ = w.Write(sound)
	case LeadFaultRefuse200:
		_, sound = rejectedLead("outside criteria").encode(a.kind) // of a ping as well
		_, _ = w.Write(sound)
	case LeadFaultTimeout:
		if b.port.wait(r.Context(), 30*time.Second) {
			_, _ = w.Write(sound)
		}
	case LeadFaultEndless:
		b.trickle(w, r, sound[:len(sound)/2])
	case LeadFaultDrop, LeadFaultReset, LeadFaultCut, LeadFaultCutAfter, LeadFaultLying, LeadFaultChunks:
		breakOff(w, f, contentType, sound)
	case LeadFaultHuge, LeadFaultHeaders, LeadFaultGzip, LeadFaultEntities:
		a.swell(w, f, sound)
	case LeadFaultLatin1, LeadFaultUndeclared, LeadFaultDouble, LeadFaultStrings:
		a.confuse(w, f)
	default:
		sayLeadFault(w, r, f, sound)
	}
}

// sayLeadFault answers what a status says by itself, and what is no answer.
func sayLeadFault(w http.ResponseWriter, r *http.Request, f LeadFault, sound []byte) {
	h := w.Header()
	say := func(status int, contentType, text string) {
		h.Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
	const js, page = "application/json", "text/html; charset=utf-8"
	switch f {
	case LeadFault400:
		say(400, js, `{"status":"error","message":"request is malformed"}`)
	case LeadFault401:
		h.Set("WWW-Authenticate", "Bearer")
		say(401, js, `{"status":"error","message":"key is not known"}`)
	case LeadFault403:
		say(403, js, `{"status":"error","message":"source is not permitted"}`)
	case LeadFault404:
		say(404, js, `{"status":"error","message":"no such campaign"}`)
	case LeadFault409:
		say(409, js, `{"status":"rejected","reason":"duplicate"}`)
	case LeadFault422:
		say(422, js, `{"status":"rejected","reason":"invalid","errors":[{"field":"zip","error":"is not a ZIP code"}]}`)
	case LeadFault429:
		h.Set("Retry-After", "1")
		say(429, js, `{"status":429,"message":"Too Many Requests","retry_after":1}`)
	case LeadFault500:
		say(500, js, `{"status":"error","message":"internal error"}`)
	case LeadFaultPaid500:
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(sound)
	case LeadFault503:
		h.Set("Retry-After", "1")
		say(503, js, `{"status":"error","message":"busy, come again"}`)
	case LeadFault503Plain:
		say(503, "text/plain; charset=utf-8", "Service Unavailable\n")
	case LeadFault502, LeadFault504:
		status, _ := strconv.Atoi(string(f))
		text := http.StatusText(status)
		say(status, page, fmt.Sprintf("<html><head><title>%d %s</title></head><body><h1>%s</h1><hr>gateway</body></html>", status, text, text))
	case LeadFaultPage:
		say(200, page, "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>")
	case LeadFaultEmpty:
		w.WriteHeader(http.StatusOK)
	case LeadFaultGarbage:
		say(200, js, `{"status":accepted, lead_id=7; }}} `+"\x00\x1b")
	case LeadFaultRedirect:
		http.Redirect(w, r, "http://10.1.2.3/", http.StatusFound)
	case LeadFaultRedirectLoop:
		http.Redirect(w, r, r.URL.EscapedPath(), http.StatusTemporaryRedirect)
	}
}

// trickle sends the beginning of an answer and then a space ten times a second
// until somebody has enough.
func (b *LeadBuyers) trickle(w http.ResponseWriter, r *http.Request, part []byte) {
	flush := http.NewResponseController(w)
	for ok := true; ok; ok = b.port.wait(r.Context(), 100*time.Millisecond) {
		if _, err := w.Write(part); err != nil || flush.Flush() != nil {
			return
		}
		part = []byte(" ")
	}
}

// breakOff ends the connection before the answer does.
func breakOff(w http.ResponseWriter, f LeadFault, contentType string, sound []byte) {
	head := func(framing string) string {
		return "HTTP/1.1 200 OK\r\nContent-Type: " + contentType + "\r\n" + framing + "\r\n\r\n"
	}
	length := func(n int) string { return head("Content-Length: " + strconv.Itoa(n)) }
	half := len(sound) / 2
	switch f {
	case LeadFaultDrop, LeadFaultReset:
		seize(w, nil, true)
	case LeadFaultCut:
		seize(w, append([]byte(length(len(sound))), sound[:half]...), true)
	case LeadFaultCutAfter:
		seize(w, append([]byte(length(len(sound))), sound...), true)
	case LeadFaultLying:
		seize(w, append([]byte(length(len(sound)+1000)), sound...), false)
	case LeadFaultChunks:
		text := head("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\nzz\r\n%s\r\n0\r\n\r\n", half, sound[:half], sound[half:])
		seize(w, []byte(text), false)
	}
}

// swell makes more of an answer than there is to say.
func (a leadReply) swell(w http.ResponseWriter, f LeadFault, sound []byte) {
	h := w.Header()
	switch f {
	case LeadFaultHuge:
		h.Set("Content-Type", "application/json")
		block := bytes.Repeat([]byte("x"), 64<<10)
		_, err := w.Write([]byte(`{"padding":"`))
		for n := 0; n < 256 && err == nil; n++ {
			_, err = w.Write(block)
		}
		if err == nil {
			_, _ = w.Write(append([]byte(`",`), asJSON(a.leadAnswer)[1:]...))
		}
	case LeadFaultHeaders:
		for n := range 128 {
			h.Set(fmt.Sprintf("X-Padding-%d", n), strings.Repeat("x", 8<<10))
		}
		_, _ = w.Write(sound)
	case LeadFaultGzip:
		h.Set("Content-Encoding", "gzip")
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(sound)
		_ = z.Close()
		_, _ = w.Write(append(b.Bytes(), bomb()...))
	case LeadFaultEntities:
		h.Set("Content-Type", "application/xml; charset=utf-8")
		_, _ = w.Write([]byte(entities(a.leadAnswer)))
	}
}

// entities is an XML answer whose message grows tenfold at each of nine steps.
func entities(a leadAnswer) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE response [<!ENTITY e0 "accepted, ">`)
	for n := 1; n <= 9; n++ {
		fmt.Fprintf(&b, `<!ENTITY e%d "%s">`, n, strings.Repeat(fmt.Sprintf("&e%d;", n-1), 10))
	}
	_, body := a.encode(leadXML)
	_, element, _ := strings.Cut(string(body), "\n")
	b.WriteString("]>" + strings.TrimSuffix(element, "</response>") + "<message>&e9;</message></response>")
	return b.String()
}

// confuse says a sound thing in a way that is easily misread.
func (a leadReply) confuse(w http.ResponseWriter, f LeadFault) {
	kind, body := "application/json", []byte(nil)
	switch f {
	case LeadFaultDouble:
		said := a.leadAnswer
		said.Status = "rejected"
		body = append(bytes.TrimSuffix(asJSON(said), []byte("}")), `,"status":"accepted"}`...)
	case LeadFaultStrings:
		price := a.Price
		if strings.Contains(price, ".") {
			price = strings.TrimRight(strings.TrimRight(price, "0"), ".")
		}
		body = asJSON(map[string]string{
			"accepted": strconv.FormatBool(a.accepted()), "price": price, "lead_id": a.LeadID, "ping_id": a.PingID, "reason": a.Reason, "test": "false",
		})
	default:
		said := a.leadAnswer
		said.Message = "Reçu à Montréal, merci"
		for _, c := range string(asJSON(said)) {
			body = append(body, byte(c)) // Latin-1 is the first 256 of Unicode
		}
		if f == LeadFaultLatin1 {
			kind += "; charset=ISO-8859-1"
		}
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
}
