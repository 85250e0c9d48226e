package sim

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"
)

// HubSpotConfig describes a simulated HubSpot account.
type HubSpotConfig struct {
	Addr string      // "ip:port"; default "127.0.0.1:0"
	TLS  *tls.Config // nil = without TLS

	// Key is the account's service key; default "service-key".
	Key string
	// ClientID and ClientSecret are those of an app; default "client" and
	// "client-secret". Refresh is its refresh token; default "refresh-0".
	ClientID, ClientSecret, Refresh string
	// Lives is how long an access token is good; default 30 min.
	Lives time.Duration

	// Custom names further properties of contacts, Unique those of them that no
	// two contacts share.
	Custom, Unique []string

	Logger *slog.Logger // nil = discard
}

// HubSpotPolicy is a limit of the account's calls.
type HubSpotPolicy string

// The policies. A day's limit counts calls by key only; apps have none.
const (
	HubSpotNoLimit    HubSpotPolicy = ""
	HubSpotTenSeconds HubSpotPolicy = "TEN_SECONDLY_ROLLING"
	HubSpotDaily      HubSpotPolicy = "DAILY"
)

// HubSpot is an account: its token endpoint and its contacts, under the versions
// that are dates and under v3. It holds at most 100,000 contacts.
type HubSpot struct {
	cfg  HubSpotConfig
	port *port
	desk *tokenDesk

	mu         sync.Mutex
	properties map[string]hubSpotProperty
	contacts   []*HubSpotContact
	byID       map[string]*HubSpotContact
	unique     map[[2]string]*HubSpotContact // by property and value in small letters
	writes     map[string]int
	policy     HubSpotPolicy
	away       int
	lost       int
}

// HubSpotContact is a contact as the account holds it.
type HubSpotContact struct {
	ID               string
	Properties       map[string]string
	Writes           int
	Created, Updated time.Time
}

const maxContacts = 100_000

// NewHubSpot opens the account; it answers when NewHubSpot returns.
func NewHubSpot(c HubSpotConfig) (*HubSpot, error) {
	c.Key, c.Refresh = cmp.Or(c.Key, "service-key"), cmp.Or(c.Refresh, "refresh-0")
	c.ClientID, c.ClientSecret = cmp.Or(c.ClientID, "client"), cmp.Or(c.ClientSecret, "client-secret")
	c.Lives = cmp.Or(c.Lives, 30*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	h := &HubSpot{
		cfg: c, desk: newTokenDesk("hub-", c.Refresh, c.Lives), properties: hubSpotProperties(c),
		byID: map[string]*HubSpotContact{}, unique: map[[2]string]*HubSpotContact{}, writes: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/2026-03/token", h.token)
	for _, base := range []string{"/crm/objects/{version}/contacts", "/crm/v3/objects/contacts"} {
		mux.HandleFunc("POST "+base, h.api(h.create))
		mux.HandleFunc("PATCH "+base+"/{id}", h.api(h.update))
		mux.HandleFunc("POST "+base+"/batch/upsert", h.api(h.upsert))
	}
	mux.HandleFunc("/", h.api(hubSpotNowhere))
	var err error
	h.port, err = openPort(portConfig{who: "hubspot", addr: c.Addr, tls: c.TLS, logger: c.Logger, handler: mux.ServeHTTP})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Addr returns the address of the server.
func (h *HubSpot) Addr() string { return h.port.addr }

// URL returns the host of the API.
func (h *HubSpot) URL() string { return h.port.url() }

// TokenURL returns where tokens are got.
func (h *HubSpot) TokenURL() string { return h.port.url() + "/oauth/2026-03/token" }

// Close ends the server.
func (h *HubSpot) Close(ctx context.Context) error { return h.port.close(ctx) }

// KillSessions makes all access tokens expire.
func (h *HubSpot) KillSessions() { h.desk.kill() }

// Rotate makes each use of the refresh token end it and give the next, or stops
// that.
func (h *HubSpot) Rotate(on bool) { h.desk.setRotate(on) }

// Limit puts the account over a limit until it is told otherwise.
func (h *HubSpot) Limit(p HubSpotPolicy) { h.set(func() { h.policy = p }) }

// Unavailable makes the next n calls meet a server that is away.
func (h *HubSpot) Unavailable(n int) { h.set(func() { h.away = n }) }

// Lose makes the next n writes take place and their answers get lost.
func (h *HubSpot) Lose(n int) { h.set(func() { h.lost = n }) }

func (h *HubSpot) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// Contacts returns the contacts, the oldest first.
func (h *HubSpot) Contacts() []HubSpotContact {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]HubSpotContact, 0, len(h.contacts))
	for _, c := range h.contacts {
		held := *c
		held.Properties = maps.Clone(c.Properties)
		out = append(out, held)
	}
	return out
}

// Writes returns how often contacts were written for each objectWriteTraceId.
func (h *HubSpot) Writes() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.writes)
}

// Tokens returns how many access tokens were given out.
func (h *HubSpot) Tokens() int {
	n, _ := h.desk.count()
	return n
}

// Spent returns how often a refresh token came that was used up already.
func (h *HubSpot) Spent() int {
	_, n := h.desk.count()
	return n
}
