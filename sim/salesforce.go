package sim

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// SalesforceConfig describes a simulated Salesforce org.
type SalesforceConfig struct {
	Addr string      // "ip:port"; default "127.0.0.1:0"
	TLS  *tls.Config // nil = without TLS

	// ClientID and ClientSecret are those of the external client app; default
	// "client" and "client-secret".
	ClientID, ClientSecret string
	// Refresh is the refresh token that somebody's consent gave; default
	// "refresh-0".
	Refresh string
	// Key checks the JWTs of the app for the user Subject, by default
	// "integration@org.example"; nil = the flow is off.
	Key     *rsa.PublicKey
	Subject string

	// ExternalID is the field that leads are upserted by; default
	// "Ext_Lead_Id__c". Custom names further fields, such as "Consent__c".
	ExternalID string
	Custom     []string

	// OrgID is what web forms name; default "00D000000000001". WebPerDay is how
	// many of their leads are made at once, the others wait; default 500.
	OrgID     string
	WebPerDay int

	Logger *slog.Logger // nil = discard
}

// Salesforce is an org: its token endpoint, the REST resource of leads, and the
// servlet that takes web forms. It holds at most 100,000 leads.
type Salesforce struct {
	cfg   SalesforceConfig
	port  *port
	desk  *tokenDesk
	sizes map[string]int // of the fields of a lead

	mu       sync.Mutex
	leads    []*SalesforceLead
	byID     map[string]*SalesforceLead
	byEmail  map[string]string // to an id
	external map[string][]*SalesforceLead
	web      []WebLead
	webMade  []time.Time          // of the leads that were made in the last day
	blocked  map[[2]string]string // field and value to the id that stands there
	usage    int
	limited  bool
	locks    int
	away     int
	lost     int
}

// SalesforceLead is a lead as the org holds it.
type SalesforceLead struct {
	ID, ExternalID string
	Fields         map[string]string
	Writes         int
	Created        time.Time
}

const (
	maxSalesforceLeads = 100_000
	salesforceCalls    = 15_000 // of a developer org in a day; told, not enforced
)

var salesforceVersion = regexp.MustCompile(`^v([2-9][0-9])\.0$`)

// NewSalesforce opens the org; it answers when NewSalesforce returns.
func NewSalesforce(c SalesforceConfig) (*Salesforce, error) {
	c.ClientID, c.ClientSecret = cmp.Or(c.ClientID, "client"), cmp.Or(c.ClientSecret, "client-secret")
	c.Refresh, c.Subject = cmp.Or(c.Refresh, "refresh-0"), cmp.Or(c.Subject, "integration@org.example")
	c.ExternalID, c.OrgID = cmp.Or(c.ExternalID, "Ext_Lead_Id__c"), cmp.Or(c.OrgID, "00D000000000001")
	c.WebPerDay = cmp.Or(c.WebPerDay, 500)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Salesforce{
		cfg: c, desk: newTokenDesk(c.OrgID+"!AQ", c.Refresh, 0), sizes: salesforceFields(c),
		byID: map[string]*SalesforceLead{}, byEmail: map[string]string{}, external: map[string][]*SalesforceLead{}, blocked: map[[2]string]string{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/oauth2/token", s.token)
	mux.HandleFunc("POST /services/data/{version}/sobjects/Lead", s.api(s.create))
	mux.HandleFunc("POST /services/data/{version}/sobjects/Lead/{$}", s.api(s.create))
	mux.HandleFunc("PATCH /services/data/{version}/sobjects/Lead/{id}", s.api(s.update))
	mux.HandleFunc("PATCH /services/data/{version}/sobjects/Lead/{field}/{value}", s.api(s.upsert))
	mux.HandleFunc("/services/data/{version}/", s.api(noResource))
	mux.HandleFunc("POST /servlet/servlet.WebToLead", s.webToLead)
	var err error
	s.port, err = openPort(portConfig{who: "salesforce", addr: c.Addr, tls: c.TLS, logger: c.Logger, handler: mux.ServeHTTP})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Addr returns the address of the server.
func (s *Salesforce) Addr() string { return s.port.addr }

// URL returns the org's own host, which is its instance_url as well.
func (s *Salesforce) URL() string { return s.port.url() }

// TokenURL returns where tokens are got.
func (s *Salesforce) TokenURL() string { return s.port.url() + "/services/oauth2/token" }

// Close ends the server.
func (s *Salesforce) Close(ctx context.Context) error { return s.port.close(ctx) }

// KillSessions ends all access tokens without notice.
func (s *Salesforce) KillSessions() { s.desk.kill() }

// Rotate makes each use of the refresh token end it and give the next, or stops
// that.
func (s *Salesforce) Rotate(on bool) { s.desk.setRotate(on) }

// Limit says whether the org's calls for the day are used up.
func (s *Salesforce) Limit(on bool) { s.set(func() { s.limited = on }) }

// Lock makes the next n writes find the row locked.
func (s *Salesforce) Lock(n int) { s.set(func() { s.locks = n }) }

// Unavailable makes the next n calls meet a server that is away.
func (s *Salesforce) Unavailable(n int) { s.set(func() { s.away = n }) }

// Lose makes the next n writes take place and their answers get lost.
func (s *Salesforce) Lose(n int) { s.set(func() { s.lost = n }) }

// Block puts a record into the org, behind a duplicate rule that blocks: writes
// of a lead with that value in that field are refused.
func (s *Salesforce) Block(field, value string) {
	s.set(func() {
		s.blocked[[2]string{field, strings.ToLower(value)}] = salesforceID("00Q", 9_000_000+len(s.blocked))
	})
}

func (s *Salesforce) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Leads returns the leads by their external id, or by their own where they have
// none. Of several with one external id it returns the first.
func (s *Salesforce) Leads() map[string]SalesforceLead {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]SalesforceLead{}
	for _, l := range s.leads {
		key := cmp.Or(l.ExternalID, l.ID)
		if _, taken := out[key]; !taken {
			held := *l
			held.Fields = maps.Clone(l.Fields)
			out[key] = held
		}
	}
	return out
}

// Tokens returns how many access tokens were given out.
func (s *Salesforce) Tokens() int {
	n, _ := s.desk.count()
	return n
}

// Spent returns how often a refresh token came that was used up already: above 0,
// two renewed at a time, or somebody lost a token.
func (s *Salesforce) Spent() int {
	_, n := s.desk.count()
	return n
}

// takeOne uses up one of a counter; s.mu must be held.
func takeOne(counter *int) bool {
	if *counter <= 0 {
		return false
	}
	*counter--
	return true
}

// salesforceID makes a record's identifier: 15 characters that tell capitals
// from small letters, and 3 that say which of them are capitals.
func salesforceID(prefix string, n int) string {
	id := fmt.Sprintf("%sSM%010d", prefix, n)
	for part := 0; part < 15; part += 5 {
		bits := 0
		for i := range 5 {
			if c := id[part+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		id += string("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits])
	}
	return id
}
