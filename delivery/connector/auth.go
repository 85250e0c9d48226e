package connector

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/ringbid/ringbid"
)

// Kinds of authentication.
const (
	AuthNone    = ""
	AuthHeader  = "header"        // Prefix and Secret in the header Name
	AuthQuery   = "query"         // Secret in the query's parameter Name
	AuthField   = "field"         // Secret in the body's field at path Name, or at {{secret}} of a template
	AuthBasic   = "basic"         // User and Secret (RFC 7617)
	AuthBearer  = "bearer"        // Secret (RFC 6750)
	AuthClient  = "oauth_client"  // client credentials (RFC 6749, 4.4)
	AuthJWT     = "oauth_jwt"     // JWT bearer, RS256 (RFC 7523)
	AuthRefresh = "oauth_refresh" // refresh token, with rotation (RFC 6749, 6)
)

// Auth says who we are to the partner.
type Auth struct {
	Kind   string         `json:"kind,omitempty"`
	Name   string         `json:"name,omitempty"`
	Prefix string         `json:"prefix,omitempty"` // such as "Token "
	User   string         `json:"user,omitempty"`
	Secret ringbid.Secret `json:"secret,omitempty"`

	// Account is under which name tokens are kept; exchanges of one account share
	// them.
	Account      string         `json:"account,omitempty"`
	TokenURL     string         `json:"token_url,omitempty"`
	ClientID     string         `json:"client_id,omitempty"`
	ClientSecret ringbid.Secret `json:"client_secret,omitempty"`
	// InHeader sends the client's id and secret by Basic instead of in the body.
	InHeader bool   `json:"in_header,omitempty"`
	Scope    string `json:"scope,omitempty"`
	// Subject, Audience and Key make the JWT; Key is an RSA key in PEM.
	Subject  string         `json:"subject,omitempty"`
	Audience string         `json:"audience,omitempty"`
	Key      ringbid.Secret `json:"key,omitempty"`
	// Refresh is the first refresh token; later ones are in the TokenStore.
	Refresh ringbid.Secret `json:"refresh,omitempty"`
}

func (a Auth) oauth() bool { return a.Kind == AuthClient || a.Kind == AuthJWT || a.Kind == AuthRefresh }

// check reports what the kind needs and does not have.
func (a Auth) check(c *compiler) {
	need := func(missing bool, name string) {
		if missing {
			c.problem("auth."+name, "is needed by %s", a.Kind)
		}
	}
	switch a.Kind {
	case AuthNone:
	case AuthHeader:
		need(a.Secret == "", "secret")
		if !token(a.Name) {
			c.problem("auth.name", "%q is not a name of a header", a.Name)
		}
	case AuthQuery:
		need(a.Name == "", "name")
		need(a.Secret == "", "secret")
	case AuthField:
		need(a.Secret == "", "secret")
		need(a.Name == "" && c.plan.x.Template == "", "name")
	case AuthBasic:
		need(a.User == "", "user")
	case AuthBearer:
		need(a.Secret == "", "secret")
	case AuthClient, AuthJWT, AuthRefresh:
		need(a.Account == "", "account")
		need(a.ClientID == "", "client_id")
		if err := soundURL(a.TokenURL); err != nil {
			c.problem("auth.token_url", "%s", err)
		}
	default:
		c.problem("auth.kind", "%q is none of header, query, field, basic, bearer, oauth_client, oauth_jwt, oauth_refresh", a.Kind)
	}
	if a.Kind == AuthClient {
		need(a.ClientSecret == "", "client_secret")
	}
	if a.Kind == AuthJWT {
		need(a.Subject == "", "subject")
		need(a.Audience == "", "audience")
		if _, err := a.rsaKey(); err != nil {
			c.problem("auth.key", "%s", err)
		}
	}
}

// rsaKey reads the key, as PKCS #8 or PKCS #1.
func (a Auth) rsaKey() (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(a.Key.Reveal()))
	if block == nil {
		return nil, errors.New("is not PEM")
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := k.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("is not an RSA key")
	}
	return key, nil
}

// secrets returns the texts that must not be kept in a copy.
func (a Auth) secrets() []string {
	return []string{
		a.Secret.Reveal(), a.ClientSecret.Reveal(), a.Refresh.Reveal(), a.Key.Reveal(),
	}
}
