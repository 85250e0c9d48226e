package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
)

// sender makes what the platform makes, allowed to reach this machine.
func sender(t *testing.T, tokens connector.TokenStore) *connector.Sender {
	t.Helper()
	c, err := connector.New(connector.Config{Allow: []string{"127.0.0.0/8"}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return connector.NewSender(c, tokens, nil)
}

func presetPlan(t *testing.T, name string, edit func(*connector.Exchange)) *connector.Plan {
	t.Helper()
	x, ok := connector.Preset(name)
	if !ok {
		t.Fatalf("no preset %s", name)
	}
	edit(&x)
	p, problems := connector.Compile(x)
	if p == nil {
		t.Fatal(problems)
	}
	return p
}

func leadAsk(key string, edit ...string) connector.Ask {
	facts := map[string]string{
		"first_name": "Ann", "last_name": "Lee", "phone": "+15125550100", "email": key + "@x.example", "zip": "78701", "state": "TX",
		"city": "Austin", "address": "1 Main St", "ip": "192.0.2.7",
	}
	for i := 0; i+1 < len(edit); i += 2 {
		facts[edit[i]] = edit[i+1]
	}
	return connector.Ask{Key: key, Facts: facts}
}

func orgAuth(s *Salesforce, kind string) func(*connector.Exchange) {
	return func(x *connector.Exchange) {
		x.Auth = connector.Auth{Kind: kind, Account: "org", TokenURL: s.TokenURL(), ClientID: "client", ClientSecret: "client-secret"}
		if kind == connector.AuthRefresh {
			x.Auth.Refresh = "refresh-0"
		}
	}
}

// TestSalesforcePreset has the platform's own exchange meet the org.
func TestSalesforcePreset(t *testing.T) {
	t.Parallel()
	s := salesforce(t, SalesforceConfig{})
	plan, send := presetPlan(t, "salesforce-rest", orgAuth(s, connector.AuthClient)), sender(t, nil)
	step := func(name string, ask connector.Ask, class connector.Class, reason string) connector.Outcome {
		t.Helper()
		out := send.Send(t.Context(), plan, ask)
		if out.Class != class || !strings.Contains(out.Reason, reason) {
			t.Errorf("%s: %s %q\n%s", name, out.Class, out.Reason, out.Response)
		}
		return out
	}
	created := step("created", leadAsk("k1"), connector.ClassAccepted, "")
	again := step("again", leadAsk("k1", "city", "Dallas"), connector.ClassAccepted, "")
	if got := s.Leads()["k1"]; created.ID == "" || again.ID != created.ID || got.ID != created.ID || got.Writes != 2 || got.Fields["City"] != "Dallas" || got.Fields["Phone"] != "(512) 555-0100" {
		t.Errorf("%q, %q: %+v", created.ID, again.ID, got)
	}
	step("same address elsewhere", leadAsk("k2", "email", "k1@x.example"), connector.ClassAccepted, "")
	s.Block("Email", "k3@x.example")
	if out := step("blocked", leadAsk("k3"), connector.ClassRejected, "DUPLICATES_DETECTED"); !strings.HasPrefix(out.ID, "00Q") {
		t.Errorf("matched record: %q", out.ID)
	}
	step("email", leadAsk("k4", "email", "nobody"), connector.ClassRejected, "INVALID_EMAIL_ADDRESS")
	s.KillSessions()
	step("killed", leadAsk("k5"), connector.ClassAccepted, "")
	if s.Tokens() != 2 {
		t.Errorf("%d tokens", s.Tokens())
	}
	s.Limit(true)
	if out := step("limit", leadAsk("k6"), connector.ClassThrottled, "REQUEST_LIMIT_EXCEEDED"); out.RetryAfter != 15*time.Minute {
		t.Errorf("waits %s", out.RetryAfter)
	}
	s.Limit(false)
	s.Lock(1)
	step("locked", leadAsk("k6"), connector.ClassThrottled, "UNABLE_TO_LOCK_ROW")
	s.Unavailable(1)
	step("away", leadAsk("k6"), connector.ClassServer, "SERVER_UNAVAILABLE")
	s.Lose(1)
	step("lost", leadAsk("k6"), connector.ClassAmbiguous, "")
	step("retried", leadAsk("k6"), connector.ClassAccepted, "")
	if got := s.Leads()["k6"]; got.Writes != 2 || len(s.Leads()) != 4 {
		t.Errorf("%+v of %d", got, len(s.Leads()))
	}
	inHeader := presetPlan(t, "salesforce-rest", func(x *connector.Exchange) {
		orgAuth(s, connector.AuthClient)(x)
		x.Auth.Account, x.Auth.InHeader = "header", true
	})
	if out := send.Send(t.Context(), inHeader, leadAsk("k6")); out.Class != connector.ClassAccepted || s.Tokens() != 3 {
		t.Errorf("%+v", out)
	}
	wrong := presetPlan(t, "salesforce-rest", func(x *connector.Exchange) {
		orgAuth(s, connector.AuthClient)(x)
		x.Auth.Account, x.Auth.ClientSecret = "other", "wrong-secret"
	})
	if out := send.Send(t.Context(), wrong, leadAsk("k7")); out.Class != connector.ClassAuth || out.Sent != connector.SentNo {
		t.Errorf("%+v", out)
	}
}

// TestSalesforcePresetJWT signs in with a key.
func TestSalesforcePresetJWT(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := salesforce(t, SalesforceConfig{Key: &key.PublicKey})
	plan := presetPlan(t, "salesforce-rest", func(x *connector.Exchange) {
		orgAuth(s, connector.AuthJWT)(x)
		x.Auth.Subject, x.Auth.Audience = "integration@org.example", "https://login.salesforce.com"
		x.Auth.Key = ringbid.Secret(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	})
	if out := sender(t, nil).Send(t.Context(), plan, leadAsk("k")); out.Class != connector.ClassAccepted {
		t.Errorf("%+v", out)
	}
}

// TestSalesforcePresetRotation kills sessions under several nodes that share
// their tokens: each renews in turn, and no refresh token is used twice. Nodes
// that do not share them are found out.
func TestSalesforcePresetRotation(t *testing.T) {
	t.Parallel()
	s := salesforce(t, SalesforceConfig{})
	s.Rotate(true)
	plan := presetPlan(t, "salesforce-rest", orgAuth(s, connector.AuthRefresh))
	tokens := connector.NewTokens()
	nodes := []*connector.Sender{sender(t, tokens), sender(t, tokens)}
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if out := nodes[i%2].Send(t.Context(), plan, leadAsk(fmt.Sprintf("k%d-%d", round, i))); out.Class != connector.ClassAccepted {
					t.Errorf("round %d: %s %s", round, out.Class, out.Reason)
				}
			})
		}
		wg.Wait()
		s.KillSessions()
	}
	if s.Tokens() != 3 || s.Spent() != 0 || len(s.Leads()) != 24 {
		t.Errorf("%d tokens, %d spent, %d leads", s.Tokens(), s.Spent(), len(s.Leads()))
	}
	if out := sender(t, nil).Send(t.Context(), plan, leadAsk("alone")); out.Class != connector.ClassAuth || s.Spent() != 1 {
		t.Errorf("%s %s, %d spent", out.Class, out.Reason, s.Spent())
	}
}

// TestSalesforcePresetWeb submits web forms: nothing proves that they arrived.
func TestSalesforcePresetWeb(t *testing.T) {
	t.Parallel()
	s := salesforce(t, SalesforceConfig{})
	for org, class := range map[string]connector.Class{"00D000000000001": connector.ClassAccepted, "00D000000000009": connector.ClassRejected} {
		plan := presetPlan(t, "salesforce-web-to-lead", func(x *connector.Exchange) {
			x.Settings["base"], x.Settings["org_id"], x.Settings["ret_url"] = s.URL(), org, "https://x.example/thanks"
		})
		out := sender(t, nil).Send(t.Context(), plan, leadAsk("k"))
		if out.Class != class || class == connector.ClassAccepted && !out.Unconfirmed {
			t.Errorf("%s: %+v", org, out)
		}
	}
	if web := s.WebLeads(); len(web) != 1 || web[0].Fields["last_name"] != "Lee" {
		t.Errorf("%+v", web)
	}
}
