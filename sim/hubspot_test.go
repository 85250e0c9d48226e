package sim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/delivery/connector"
)

func hubSpot(t *testing.T, c HubSpotConfig) *HubSpot {
	t.Helper()
	h, err := NewHubSpot(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, h.Close) })
	return h
}

const (
	hubContacts = "/crm/objects/2026-03/contacts"
	hubUpsert   = hubContacts + "/batch/upsert"
)

// TestHubSpotContacts creates, meets and changes contacts, and holds each refusal
// to its status and its words.
func TestHubSpotContacts(t *testing.T) {
	t.Parallel()
	h := hubSpot(t, HubSpotConfig{Custom: []string{"my_prop"}, Unique: []string{"lead_id"}})
	c := &crm{t: t, http: poster(t), base: h.URL(), access: "service-key"}
	create := func(properties string) string { return `{"properties":` + properties + `,"associations":[]}` }
	for _, x := range []struct {
		name, method, path, body string
		status                   int
		want                     []string
	}{
		{"create", "POST", hubContacts, create(`{"email":"Ann@X.example","firstname":"Ann","lifecyclestage":"lead","my_prop":7,"lead_id":"L1"}`), 201, []string{`"id":"501"`, `"email":"ann@x.example"`, `"my_prop":"7"`, `"archived":false`}},
		{"without an address", "POST", "/crm/v3/objects/contacts", create(`{"lastname":"Lee"}`), 201, []string{`"id":"502"`}},
		{"known address", "POST", hubContacts, create(`{"email":"ANN@x.example"}`), 409, []string{"Contact already exists. Existing ID: 501", `"category":"CONFLICT"`}},
		{"known number", "POST", hubContacts, create(`{"lastname":"B","lead_id":"l1"}`), 409, []string{"Existing ID: 501"}},
		{"nothing", "POST", hubContacts, create(`{"phone":"1"}`), 400, []string{"At least one of"}},
		{"property", "POST", hubContacts, create(`{"email":"b@x.example","shoe_size":"9"}`), 400, []string{`"code":"PROPERTY_DOESNT_EXIST"`, `"propertyName":["shoe_size"]`, `"category":"VALIDATION_ERROR"`}},
		{"address", "POST", hubContacts, create(`{"email":"b@x"}`), 400, []string{`"code":"INVALID_EMAIL"`}},
		{"option", "POST", hubContacts, create(`{"email":"b@x.example","hs_lead_status":"new"}`), 400, []string{`"code":"INVALID_OPTION"`}},
		{"change", "PATCH", hubContacts + "/501", create(`{"lifecyclestage":"customer","city":"Austin"}`), 200, []string{`"city":"Austin"`, `"lifecyclestage":"customer"`}},
		{"back", "PATCH", hubContacts + "/501", create(`{"lifecyclestage":"lead","city":null}`), 200, []string{`"city":""`, `"lifecyclestage":"customer"`}},
		{"by address", "PATCH", hubContacts + "/ann@X.example?idProperty=email", create(`{"zip":"78701"}`), 200, []string{`"id":"501"`}},
		{"taken address", "PATCH", hubContacts + "/502", create(`{"email":"ann@x.example"}`), 400, []string{"Conflicting ID: 501"}},
		{"new address", "PATCH", hubContacts + "/501", create(`{"email":"new@x.example"}`), 200, nil},
		{"free address", "PATCH", hubContacts + "/502", create(`{"email":"ann@x.example"}`), 200, nil},
		{"unknown", "PATCH", hubContacts + "/9", create(`{"zip":"1"}`), 404, []string{`"category":"OBJECT_NOT_FOUND"`}},
		{"json", "POST", hubContacts, `{"properties":`, 400, []string{"VALIDATION_ERROR"}},
		{"version", "POST", "/crm/objects/2026-04/contacts", create(`{"lastname":"B"}`), 404, nil},
		{"nowhere", "GET", "/crm/objects", "", 404, nil},
	} {
		status, text := c.json(x.method, x.path, x.body)
		for _, w := range x.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %s in %s", x.name, w, text)
			}
		}
		var e hubSpotError
		if status != x.status || status >= 400 && (json.Unmarshal([]byte(text), &e) != nil || e.Status != "error" || e.Correlation == "") {
			t.Errorf("%s: %d %s", x.name, status, text)
		}
	}
	got := h.Contacts()
	if len(got) != 2 || got[0].Writes != 5 || got[0].Properties["email"] != "new@x.example" || got[1].Properties["email"] != "ann@x.example" {
		t.Errorf("%+v", got)
	}
}

func TestHubSpotBatch(t *testing.T) {
	t.Parallel()
	h := hubSpot(t, HubSpotConfig{Unique: []string{"lead_id"}})
	c := &crm{t: t, http: poster(t), base: h.URL(), access: "service-key"}
	input := func(id, trace, properties string) string {
		return fmt.Sprintf(`{"idProperty":"email","id":%q,"objectWriteTraceId":%q,"properties":%s}`, id, trace, properties)
	}
	batch := func(inputs ...string) string { return `{"inputs":[` + strings.Join(inputs, ",") + `]}` }
	for _, x := range []struct {
		name, body string
		status     int
		want       []string
	}{
		{"new", batch(input("a@x.example", "t1", `{"firstname":"A"}`)), 200, []string{`"status":"COMPLETE"`, `"new":true`, `"objectWriteTraceId":"t1"`, `"email":"a@x.example"`}},
		{"again", batch(input("A@x.example", "t1", `{"firstname":"B"}`)), 200, []string{`"new":false`, `"firstname":"B"`}},
		{"in part", batch(input("b@x.example", "t2", `{}`), input("bad", "t3", `{"x":"1"}`)), 207, []string{
			`"numErrors":1`, `"new":true`, "INVALID_EMAIL", "PROPERTY_DOESNT_EXIST", `"context":{"objectWriteTraceId":["t3"]}`,
		}},
		{"none", batch(input("bad", "t4", `{}`)), 207, []string{`"results":[]`, `"numErrors":1`}},
		{"without traces", batch(input("c@x.example", "", `{}`), input("bad", "", `{}`)), 400, []string{"INVALID_EMAIL", `"status":"error"`}},
		{"custom", batch(`{"idProperty":"lead_id","id":"L1","properties":{"email":"a@x.example"},"objectWriteTraceId":"t5"}`), 207, []string{`"category":"CONFLICT"`}},
		{"custom, new", batch(`{"idProperty":"lead_id","id":"L1","properties":{"lastname":"D"}}`), 200, []string{`"lead_id":"L1"`, `"new":true`}},
		{"not unique", batch(`{"idProperty":"phone","id":"1","properties":{}}`), 400, []string{"not a unique property"}},
		{"twice", batch(input("d@x.example", "t6", `{}`), input("D@x.example", "t7", `{}`)), 400, []string{"Duplicate IDs"}},
		{"empty", batch(), 400, nil},
		{"too many", batch(strings.Split(strings.Repeat(input("d@x.example", "t", `{}`)+";", 100)+input("d@x.example", "t", `{}`), ";")...), 400, []string{"not 101"}},
		{"json", `{"inputs":7}`, 400, nil},
	} {
		status, text := c.json("POST", hubUpsert, x.body)
		for _, w := range x.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %s in %s", x.name, w, text)
			}
		}
		if status != x.status {
			t.Errorf("%s: %d %s", x.name, status, text)
		}
	}
	if diff := cmp.Diff(map[string]int{"t1": 2, "t2": 1}, h.Writes()); diff != "" || len(h.Contacts()) != 3 {
		t.Error(diff, h.Contacts())
	}
}

// TestHubSpotKnobs turns each of them, with a key and with an app's token.
func TestHubSpotKnobs(t *testing.T) {
	t.Parallel()
	h := hubSpot(t, HubSpotConfig{})
	key := &crm{t: t, http: poster(t), base: h.URL(), access: "service-key"}
	app := &crm{t: t, http: key.http, base: h.URL()}
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"client"}, "client_secret": {"client-secret"}, "refresh_token": {"refresh-0"}}
	status, answer := app.login("/oauth/2026-03/token", form)
	if status != 200 || answer["expires_in"] != 1800.0 || answer["refresh_token"] != "refresh-0" || answer["token_type"] != "bearer" {
		t.Fatalf("%d %v", status, answer)
	}
	const body = `{"inputs":[{"idProperty":"email","id":"a@x.example","objectWriteTraceId":"t","properties":{}}]}`
	step := func(name string, c *crm, status int, words string) {
		t.Helper()
		got, header, text := c.ask("POST", hubUpsert, "application/json", body)
		daily := header.Get("X-HubSpot-RateLimit-Daily-Remaining")
		if got != status || !strings.Contains(text, words) || got != 0 && (daily == "") != (c.access != "service-key") {
			t.Errorf("%s: %d %v %s", name, got, header, text)
		}
		if left := header.Get("X-HubSpot-RateLimit-Remaining"); (left == "0") != strings.Contains(words, "TEN_SECONDLY") {
			t.Errorf("%s: %s left", name, left)
		}
	}
	step("key", key, 200, `"new":true`)
	step("app", app, 200, `"new":false`)
	h.Limit(HubSpotTenSeconds)
	step("key, ten seconds", key, 429, `"policyName":"TEN_SECONDLY_ROLLING"`)
	step("app, ten seconds", app, 429, `"policyName":"TEN_SECONDLY_ROLLING"`)
	h.Limit(HubSpotDaily)
	step("key, daily", key, 429, `"policyName":"DAILY"`)
	step("app, daily", app, 200, "")
	h.Limit(HubSpotNoLimit)
	h.Unavailable(1)
	step("away", key, 503, `"status":"error"`)
	h.Lose(1)
	step("lost", key, 0, "")
	h.KillSessions()
	step("killed", app, 401, "EXPIRED_AUTHENTICATION")
	step("stranger", &crm{t: t, http: key.http, base: h.URL(), access: "x"}, 401, "")
	if n := h.Contacts()[0].Writes; n != 4 || h.Tokens() != 1 {
		t.Errorf("%d writes, %d tokens", n, h.Tokens())
	}
	h.Rotate(true)
	app.login("/oauth/2026-03/token", form)
	status, answer = app.login("/oauth/2026-03/token", form)
	if status != 400 || answer["status"] != "BAD_REFRESH_TOKEN" || h.Spent() != 1 {
		t.Errorf("%d %v, %d spent", status, answer, h.Spent())
	}
	for name, change := range map[string][2]string{"client": {"client_secret", "x"}, "grant": {"grant_type", "password"}} {
		bad := url.Values{"grant_type": {"refresh_token"}, "client_id": {"client"}, "client_secret": {"client-secret"}}
		bad.Set(change[0], change[1])
		if status, answer := app.login("/oauth/2026-03/token?client_secret=client-secret", bad); status != 400 || answer["message"] == "" {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
}

// TestHubSpotExpiry ends a token by its time.
func TestHubSpotExpiry(t *testing.T) {
	t.Parallel()
	d := newTokenDesk("t", "r", time.Hour)
	access := d.issue()
	if good, known := d.admits(access); !good || !known {
		t.Error("a fresh token is refused")
	}
	d.access[access] = time.Now().Add(-time.Second)
	if good, known := d.admits(access); good || !known {
		t.Error("an old token is good")
	}
	for range maxAccess {
		d.issue()
	}
	if _, known := d.admits(access); known || len(d.access) != maxAccess {
		t.Errorf("%d tokens are remembered", len(d.access))
	}
}

// TestHubSpotPreset has the platform's own exchange meet the account, with a key
// and with an app whose tokens rotate.
func TestHubSpotPreset(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]func(*HubSpot) connector.Auth{
		"key": func(*HubSpot) connector.Auth {
			return connector.Auth{Kind: connector.AuthBearer, Secret: "service-key"}
		},
		"app": func(h *HubSpot) connector.Auth {
			return connector.Auth{
				Kind: connector.AuthRefresh, Account: "hub", TokenURL: h.TokenURL(), ClientID: "client", ClientSecret: "client-secret", Refresh: "refresh-0",
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hubSpot(t, HubSpotConfig{})
			h.Rotate(true)
			plan := presetPlan(t, "hubspot", func(x *connector.Exchange) { x.Auth, x.Settings["base"] = auth(h), h.URL() })
			send := sender(t, nil)
			step := func(what string, ask connector.Ask, class connector.Class, reason string) connector.Outcome {
				t.Helper()
				out := send.Send(t.Context(), plan, ask)
				if out.Class != class || !strings.Contains(out.Reason, reason) {
					t.Errorf("%s: %s %q\n%s", what, out.Class, out.Reason, out.Response)
				}
				return out
			}
			created := step("created", leadAsk("k1"), connector.ClassAccepted, "")
			again := step("again", leadAsk("k1", "city", "Dallas"), connector.ClassAccepted, "")
			if got := h.Contacts(); created.ID == "" || again.ID != created.ID || len(got) != 1 || got[0].Properties["city"] != "Dallas" || h.Writes()["k1"] != 2 {
				t.Errorf("%q, %q: %+v", created.ID, again.ID, got)
			}
			step("address", leadAsk("k2", "email", "nobody@x"), connector.ClassRejected, "Property values were not valid")
			h.Limit(HubSpotTenSeconds)
			if out := step("ten seconds", leadAsk("k3"), connector.ClassThrottled, "secondly limit"); out.RetryAfter != 10*time.Second {
				t.Errorf("waits %s", out.RetryAfter)
			}
			h.Limit(HubSpotDaily)
			if name == "key" {
				if out := step("daily", leadAsk("k3"), connector.ClassThrottled, "daily limit"); out.RetryAfter != time.Hour {
					t.Errorf("waits %s", out.RetryAfter)
				}
			}
			h.Limit(HubSpotNoLimit)
			h.Lose(1)
			step("lost", leadAsk("k3"), connector.ClassAmbiguous, "")
			step("retried", leadAsk("k3"), connector.ClassAccepted, "")
			h.KillSessions()
			step("killed", leadAsk("k4"), connector.ClassAccepted, "")
			if want := map[string]int{"k1": 2, "k3": 2, "k4": 1}; cmp.Diff(want, h.Writes()) != "" || len(h.Contacts()) != 3 || h.Spent() != 0 {
				t.Errorf("%v, %d spent", h.Writes(), h.Spent())
			}
		})
	}
}

// TestHubSpotPresetRefused knows neither the key nor the refresh token.
func TestHubSpotPresetRefused(t *testing.T) {
	t.Parallel()
	h := hubSpot(t, HubSpotConfig{})
	for _, auth := range []connector.Auth{
		{Kind: connector.AuthBearer, Secret: "wrong-key"},
		{Kind: connector.AuthRefresh, Account: "a", TokenURL: h.TokenURL(), ClientID: "client", ClientSecret: "client-secret", Refresh: "wrong-refresh"},
	} {
		plan := presetPlan(t, "hubspot", func(x *connector.Exchange) { x.Auth, x.Settings["base"] = auth, h.URL() })
		if out := sender(t, nil).Send(t.Context(), plan, leadAsk("k")); out.Class != connector.ClassAuth || len(h.Contacts()) != 0 {
			t.Errorf("%s: %s %s", auth.Kind, out.Class, out.Reason)
		}
	}
}

// TestHubSpotAtOnce writes one contact from many sides.
func TestHubSpotAtOnce(t *testing.T) {
	t.Parallel()
	h := hubSpot(t, HubSpotConfig{})
	c := poster(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			k := &crm{t: t, http: c, base: h.URL(), access: "service-key"}
			body := fmt.Sprintf(`{"inputs":[{"idProperty":"email","id":"a@x.example","objectWriteTraceId":"t%d","properties":{"city":"%[1]d"}}]}`, i)
			if status, text := k.json("POST", hubUpsert, body); status != 200 {
				t.Errorf("%d %s", status, text)
			}
			h.Contacts()
		})
	}
	wg.Wait()
	if got := h.Contacts(); len(got) != 1 || got[0].Writes != 16 {
		t.Errorf("%+v", got)
	}
}
