package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// hubSpotError is how the account refuses.
type hubSpotError struct {
	Status      string          `json:"status"`
	Message     string          `json:"message"`
	Correlation string          `json:"correlationId,omitempty"`
	Category    string          `json:"category,omitempty"`
	ErrorType   string          `json:"errorType,omitempty"`
	Policy      HubSpotPolicy   `json:"policyName,omitempty"`
	Context     map[string]any  `json:"context,omitempty"`
	Errors      []hubSpotDetail `json:"errors,omitempty"`
}

type hubSpotDetail struct {
	Message string         `json:"message"`
	Code    string         `json:"code"`
	In      string         `json:"in,omitempty"`
	Context map[string]any `json:"context,omitempty"`
}

// hubSpotAnswer is what a call comes to; lost ones are never heard.
type hubSpotAnswer struct {
	status int
	body   any
	lost   bool
}

func hubSpotRefusal(status int, category, message string, errors ...hubSpotDetail) hubSpotAnswer {
	return hubSpotAnswer{status: status, body: hubSpotError{
		Status: "error", Message: message, Correlation: ringbid.NewID(), Category: category, Errors: errors,
	}}
}

var hubSpotVersion = regexp.MustCompile(`^20[2-9][0-9]-0[39]$`)

// api wraps a resource in what all calls meet: the credentials, the limits, the
// version.
func (h *HubSpot) api(next func(http.ResponseWriter, *http.Request) hubSpotAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		good, known := h.desk.admits(access)
		byKey := access == h.cfg.Key
		h.mu.Lock()
		away, policy := takeOne(&h.away), h.policy
		h.mu.Unlock()
		over := policy == HubSpotTenSeconds || policy == HubSpotDaily && byKey
		tellLimits(w.Header(), policy, byKey)
		version := r.PathValue("version")
		var a hubSpotAnswer
		switch {
		case away:
			a = hubSpotRefusal(503, "", "Service unavailable, please try again later")
		case !good && !byKey && known:
			a = hubSpotRefusal(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired 1 second(s) ago.")
		case !good && !byKey:
			a = hubSpotRefusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
		case over:
			a = overLimit(policy)
		case version != "" && !hubSpotVersion.MatchString(version):
			a = hubSpotNowhere(w, r)
		default:
			a = next(w, r)
		}
		if a.lost {
			lose(w)
			return
		}
		answerJSON(w, a.status, a.body)
	}
}

func hubSpotNowhere(http.ResponseWriter, *http.Request) hubSpotAnswer {
	return hubSpotRefusal(404, "OBJECT_NOT_FOUND", "Unable to find a resource at this path")
}

func overLimit(p HubSpotPolicy) hubSpotAnswer {
	text := "You have reached your secondly limit."
	if p == HubSpotDaily {
		text = "You have reached your daily limit."
	}
	return hubSpotAnswer{status: http.StatusTooManyRequests, body: hubSpotError{
		Status: "error", Message: text, Correlation: ringbid.NewID(), ErrorType: "RATE_LIMIT", Policy: p,
	}}
}

// tellLimits adds the headers about limits; apps hear nothing of the day's.
func tellLimits(header http.Header, over HubSpotPolicy, byKey bool) {
	most, daily := 190, 650_000
	left := func(p HubSpotPolicy, n int) string {
		if over == p {
			return "0"
		}
		return fmt.Sprint(n - 1)
	}
	header.Set("X-HubSpot-RateLimit-Interval-Milliseconds", "10000")
	header.Set("X-HubSpot-RateLimit-Max", fmt.Sprint(most))
	header.Set("X-HubSpot-RateLimit-Remaining", left(HubSpotTenSeconds, most))
	if byKey {
		header.Set("X-HubSpot-RateLimit-Daily", fmt.Sprint(daily))
		header.Set("X-HubSpot-RateLimit-Daily-Remaining", left(HubSpotDaily, daily))
	}
}

// token is the endpoint of OAuth 2.0. Secrets are read from the body only.
func (h *HubSpot) token(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r, maxLeadBytes)
	form, unread := url.ParseQuery(string(body))
	refuse := func(status, code, why string) {
		answerJSON(w, http.StatusBadRequest, map[string]string{
			"status": status, "message": why, "correlationId": ringbid.NewID(), "error": code, "error_description": why,
		})
	}
	id, secret := clientOf(r, form)
	switch {
	case err != nil || unread != nil:
		refuse("BAD_REQUEST", "invalid_request", "request cannot be read")
		return
	case id != h.cfg.ClientID || secret != h.cfg.ClientSecret:
		refuse("BAD_CLIENT_ID", "invalid_client", "missing or invalid client id")
		return
	case form.Get("grant_type") != "refresh_token":
		refuse("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type")
		return
	}
	access, next, ok := h.desk.renew(form.Get("refresh_token"))
	if !ok {
		refuse("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token")
		return
	}
	if next == "" {
		next = form.Get("refresh_token")
	}
	answerJSON(w, http.StatusOK, map[string]any{
		"token_type": "bearer", "access_token": access, "refresh_token": next, "expires_in": int(h.cfg.Lives / time.Second), "hub_id": 62515,
	})
}
