package sim

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
)

// leadPost is a lead or a ping as it arrived.
type leadPost struct {
	kind   string
	body   []byte
	fields map[string]string // nil where it could not be read
	key    string
	status int // of what is wrong with it; 0 = nothing
}

// readPost reads a request. Its key is the header Idempotency-Key, else a field
// that names the lead.
func readPost(w http.ResponseWriter, r *http.Request) leadPost {
	p := leadPost{key: r.Header.Get("Idempotency-Key")}
	body, err := readBody(w, r, maxLeadBytes)
	if err != nil {
		p.status = http.StatusRequestEntityTooLarge
		return p
	}
	p.body, p.kind = body, leadKind(r.Header.Get("Content-Type"), body)
	if p.fields, err = readLead(p.kind, body); err != nil {
		p.status = http.StatusBadRequest
	}
	if p.key == "" {
		p.key = leadField(p.fields, "lead_id", "reference", "vendor_lead_id")
	}
	p.key = strings.ToValidUTF8(p.key[:min(len(p.key), maxLeadKey)], "")
	return p
}

// dice returns the dice of a post; without a key its own text decides.
func (p leadPost) dice(seed uint64, name string) dice {
	if p.key == "" {
		return dice{seed, name, string(p.body)}
	}
	return dice{seed, name, p.key}
}

// leadAnswer is what a lead buyer says, in the shape that most of them use.
type leadAnswer struct {
	XMLName xml.Name `json:"-" xml:"response"`
	Status  string   `json:"status" xml:"status"`
	LeadID  string   `json:"lead_id,omitempty" xml:"lead_id,omitempty"`
	PingID  string   `json:"ping_id,omitempty" xml:"ping_id,omitempty"`
	Price   string   `json:"price,omitempty" xml:"price,omitempty"`
	Reason  string   `json:"reason,omitempty" xml:"reason,omitempty"`
	Message string   `json:"message,omitempty" xml:"message,omitempty"`
}

func unreadable() leadAnswer { return leadAnswer{Status: "error", Message: "request cannot be read"} }

func rejectedLead(reason string) leadAnswer { return leadAnswer{Status: "rejected", Reason: reason} }

func (a leadAnswer) accepted() bool { return a.Status == "accepted" }

// encode writes the answer in the way the request was written, forms as JSON.
func (a leadAnswer) encode(kind string) (contentType string, body []byte) {
	if kind == leadXML {
		b, _ := xml.Marshal(a) // strings only
		return "application/xml; charset=utf-8", append([]byte(xml.Header), b...)
	}
	return "application/json", asJSON(a)
}

// asJSON writes what is made of texts, numbers and lists only.
func asJSON(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

// answerJSON writes a whole answer.
func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(asJSON(v))
}

// randomID returns a fresh identifier behind its prefix.
func randomID(prefix string) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}
