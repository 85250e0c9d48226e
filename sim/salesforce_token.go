package sim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// token is the endpoint of OAuth 2.0. An answer has no expires_in: a session
// ends when it ends.
func (s *Salesforce) token(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r, maxLeadBytes)
	form, unread := url.ParseQuery(string(body))
	if err != nil || unread != nil {
		refuseToken(w, "invalid_request", "request cannot be read")
		return
	}
	id, secret := clientOf(r, form)
	grant := form.Get("grant_type")
	switch {
	case grant == "password":
		refuseToken(w, "unsupported_grant_type", "grant type not supported")
		return
	case grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" && id != s.cfg.ClientID:
		refuseToken(w, "invalid_client_id", "client identifier invalid")
		return
	case grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" && secret != s.cfg.ClientSecret:
		refuseToken(w, "invalid_client", "invalid client credentials")
		return
	}
	answer := map[string]string{}
	switch grant {
	case "client_credentials":
		answer["access_token"] = s.desk.issue()
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		if why := s.assertion(form.Get("assertion"), time.Now()); why != "" {
			refuseToken(w, "invalid_grant", why)
			return
		}
		answer["access_token"] = s.desk.issue()
	case "refresh_token":
		access, next, ok := s.desk.renew(form.Get("refresh_token"))
		if !ok {
			refuseToken(w, "invalid_grant", "expired access/refresh token")
			return
		}
		answer["access_token"] = access
		if next != "" {
			answer["refresh_token"] = next
		}
	default:
		refuseToken(w, "unsupported_grant_type", "grant type not supported")
		return
	}
	answer["token_type"], answer["token_format"], answer["scope"] = "Bearer", "opaque", "api"
	answer["instance_url"] = s.URL()
	answer["id"] = s.URL() + "/id/" + s.cfg.OrgID + "/" + salesforceID("005", 1)
	answer["issued_at"] = strconv.FormatInt(time.Now().UnixMilli(), 10)
	answerJSON(w, http.StatusOK, answer)
}

func refuseToken(w http.ResponseWriter, code, why string) {
	answerJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": why})
}

// assertion says what is wrong with a JWT (RFC 7523), or "".
func (s *Salesforce) assertion(jwt string, now time.Time) string {
	parts := strings.Split(jwt, ".")
	if s.cfg.Key == nil || len(parts) != 3 {
		return "invalid assertion"
	}
	var head struct{ Alg string }
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	plain := base64.RawURLEncoding
	for i, into := range []any{&head, &claims} {
		b, err := plain.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			return "invalid assertion"
		}
	}
	signature, _ := plain.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	left := time.Unix(claims.Exp, 0).Sub(now)
	switch {
	case head.Alg != "RS256" || rsa.VerifyPKCS1v15(s.cfg.Key, crypto.SHA256, sum[:], signature) != nil:
		return "invalid assertion"
	case claims.Iss != s.cfg.ClientID:
		return "client identifier invalid"
	case !slices.Contains([]string{"https://login.salesforce.com", "https://test.salesforce.com", s.URL()}, claims.Aud):
		return "audience is invalid"
	case left <= 0 || left > 3*time.Minute:
		return "assertion has expired, or lives too long"
	case claims.Sub != s.cfg.Subject:
		return "user hasn't approved this consumer"
	}
	return ""
}
