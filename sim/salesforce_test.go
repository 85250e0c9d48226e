package sim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func salesforce(t *testing.T, c SalesforceConfig) *Salesforce {
	t.Helper()
	s, err := NewSalesforce(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, s.Close) })
	return s
}

// crm asks a CRM by hand.
type crm struct {
	t      *testing.T
	http   *http.Client
	base   string
	access string
}

// ask makes a call and returns its status, headers and text; the text is "" and
// the status 0 where the answer was lost.
func (c *crm) ask(method, path, contentType, body string, header ...string) (int, http.Header, string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+c.access)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(text)
}

func (c *crm) json(method, path, body string, header ...string) (int, string) {
	c.t.Helper()
	status, _, text := c.ask(method, path, "application/json", body, header...)
	return status, text
}

// login gets a token with a form, and returns the answer.
func (c *crm) login(path string, form url.Values) (int, map[string]any) {
	c.t.Helper()
	status, _, text := c.ask("POST", path, "application/x-www-form-urlencoded", form.Encode(), "Authorization", "")
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		c.t.Fatalf("%v: %s", err, text)
	}
	if access, ok := answer["access_token"].(string); ok {
		c.access = access
	}
	return status, answer
}

func orgCRM(t *testing.T, s *Salesforce) *crm {
	t.Helper()
	c := &crm{t: t, http: poster(t), base: s.URL()}
	status, answer := c.login("/services/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {"client-secret"},
	})
	if _, expires := answer["expires_in"]; status != 200 || expires || answer["instance_url"] != s.URL() {
		t.Fatalf("token: %d %v", status, answer)
	}
	return c
}

const orgLeads = "/services/data/v66.0/sobjects/Lead"

func TestSalesforceUpsert(t *testing.T) {
	t.Parallel()
	s := salesforce(t, SalesforceConfig{Custom: []string{"Consent__c"}})
	c := orgCRM(t, s)
	at := orgLeads + "/Ext_Lead_Id__c/a%2Fb%20c"
	status, header, text := c.ask("PATCH", at, "application/json", `{"LastName":"Lee","Company":"X","Email":"a@x.example","Consent__c":true,"attributes":{"type":"Lead"}}`)
	if status != 201 || !strings.Contains(text, `"created":true`) || !strings.Contains(text, `"success":true`) || !strings.HasPrefix(header.Get("Sforce-Limit-Info"), "api-usage=1/") {
		t.Errorf("%d %s %v", status, text, header)
	}
	if status, text := c.json("PATCH", at, `{"Phone":"(512) 555-0100"}`); status != 200 || !strings.Contains(text, `"created":false`) {
		t.Errorf("%d %s", status, text)
	}
	if status, text := c.json("PATCH", strings.Replace(at, "v66", "v45", 1), `{"City":null}`); status != 204 || text != "" {
		t.Errorf("%d %s", status, text)
	}
	got := s.Leads()["a/b c"]
	want := SalesforceLead{ID: got.ID, ExternalID: "a/b c", Writes: 3, Created: got.Created, Fields: map[string]string{
		"LastName": "Lee", "Company": "X", "Email": "a@x.example", "Consent__c": "true", "Phone": "(512) 555-0100", "City": "",
	}}
	if diff := cmp.Diff(want, got); diff != "" || len(got.ID) != 18 || !strings.HasPrefix(got.ID, "00Q") {
		t.Error(got.ID, diff)
	}
	for _, id := range []string{got.ID, got.ID[:15]} {
		if status, text := c.json("PATCH", orgLeads+"/"+id, `{"City":"Austin"}`); status != 204 || text != "" {
			t.Errorf("by id: %d %s", status, text)
		}
	}
}

// TestSalesforceRefuses holds each refusal to its status and its code.
func TestSalesforceRefuses(t *testing.T) {
	t.Parallel()
	s := salesforce(t, SalesforceConfig{})
	c := orgCRM(t, s)
	s.Block("Phone", "(512) 555-0199")
	sound := `{"LastName":"Lee","Company":"X","Email":"Ann@x.example","Ext_Lead_Id__c":"twice"}`
	for _, x := range []struct {
		name, method, path, body, header string
		status                           int
		code                             string
	}{
		{"created", "POST", "/", sound, "", 201, ""},
		{"same address", "POST", "", `{"LastName":"Lee","Company":"X","Email":"ann@X.example"}`, "", 400, "DUPLICATES_DETECTED"},
		{"same address, saved", "POST", "", sound, "allowSave=true; includeRecordDetails=false", 201, ""},
		{"blocked", "POST", "", `{"LastName":"Lee","Company":"X","Phone":"(512) 555-0199"}`, "allowSave=true", 400, "DUPLICATES_DETECTED"},
		{"id in the body", "PATCH", "/Ext_Lead_Id__c/twice", sound, "", 400, "INVALID_FIELD"},
		{"several", "PATCH", "/Ext_Lead_Id__c/twice", `{"City":"X"}`, "", 300, ""},
		{"required", "POST", "", `{"FirstName":"Ann"}`, "", 400, "REQUIRED_FIELD_MISSING"},
		{"emptied", "PATCH", "/Ext_Lead_Id__c/new", `{"LastName":" ","Company":"X"}`, "", 400, "REQUIRED_FIELD_MISSING"},
		{"too long", "POST", "", `{"LastName":"` + strings.Repeat("é", 81) + `","Company":"X"}`, "", 400, "STRING_TOO_LONG"},
		{"just fits", "POST", "", `{"LastName":"` + strings.Repeat("é", 80) + `","Company":"X"}`, "", 201, ""},
		{"email", "POST", "", `{"LastName":"L","Company":"X","Email":"ann@x"}`, "", 400, "INVALID_EMAIL_ADDRESS"},
		{"field", "POST", "", `{"LastName":"L","Company":"X","Foo__c":1}`, "", 400, "INVALID_FIELD"},
		{"picklist", "POST", "", `{"LastName":"L","Company":"X","Rating":"Tepid"}`, "", 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"},
		{"owner", "POST", "", `{"LastName":"L","Company":"X","OwnerId":"me"}`, "", 400, "MALFORMED_ID"},
		{"malformed id", "PATCH", "/xyz", `{"City":"X"}`, "", 400, "MALFORMED_ID"},
		{"unknown id", "PATCH", "/00Q000000000000AAA", `{"City":"X"}`, "", 404, "NOT_FOUND"},
		{"external field", "PATCH", "/Foo__c/1", `{"City":"X"}`, "", 404, "NOT_FOUND"},
		{"update only", "PATCH", "/Ext_Lead_Id__c/new?updateOnly=true", `{"City":"X"}`, "", 404, "NOT_FOUND"},
		{"json", "POST", "", `{"LastName":`, "", 400, "JSON_PARSER_ERROR"},
		{"nested", "POST", "", `{"LastName":{"a":1},"Company":"X"}`, "", 400, "JSON_PARSER_ERROR"},
		{"method", "DELETE", "/xyz", "", "", 405, "METHOD_NOT_ALLOWED"},
	} {
		status, text := c.json(x.method, orgLeads+x.path, x.body, "Sforce-Duplicate-Rule-Header", x.header)
		var errors []salesforceError
		code := ""
		if status >= 400 {
			if err := json.Unmarshal([]byte(text), &errors); err != nil || len(errors) != 1 {
				t.Fatalf("%s: %v %s", x.name, err, text)
			}
			code = errors[0].Code
		}
		if status != x.status || code != x.code {
			t.Errorf("%s: %d %s", x.name, status, text)
		}
		if code == "DUPLICATES_DETECTED" && !strings.Contains(text, `"Id":"00Q`) || status == 300 && strings.Count(text, "/sobjects/Lead/00Q") != 2 {
			t.Errorf("%s: %s", x.name, text)
		}
	}
	if status, _, text := c.ask("POST", orgLeads, "text/plain", sound); status != 415 || !strings.Contains(text, "UNSUPPORTED_MEDIA_TYPE") {
		t.Errorf("%d %s", status, text)
	}
	for _, path := range []string{"/services/data/v9.0/sobjects/Lead/x", "/services/data/v66.0/limits"} {
		if status, _ := c.json("GET", path, ""); status < 404 || status > 405 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestSalesforceKnobs turns each of them.
func TestSalesforceKnobs(t *testing.T) {
	t.Parallel()
	s := salesforce(t, SalesforceConfig{})
	c := orgCRM(t, s)
	at := orgLeads + "/Ext_Lead_Id__c/k"
	body := `{"LastName":"Lee","Company":"X"}`
	step := func(name string, status int, code string) {
		t.Helper()
		if got, text := c.json("PATCH", at, body); got != status || !strings.Contains(text, code) {
			t.Errorf("%s: %d %s", name, got, text)
		}
	}
	s.Lock(1)
	step("locked", 400, "UNABLE_TO_LOCK_ROW")
	s.Lose(1)
	step("lost", 0, "")
	if got := s.Leads()["k"]; got.Writes != 1 {
		t.Errorf("what was lost on the way back: %+v", got)
	}
	step("again", 200, `"created":false`)
	s.Limit(true)
	step("limit", 403, "REQUEST_LIMIT_EXCEEDED")
	s.Limit(false)
	s.Unavailable(1)
	step("away", 503, "SERVER_UNAVAILABLE")
	s.KillSessions()
	step("killed", 401, "INVALID_SESSION_ID")
	c = orgCRM(t, s)
	step("back", 200, "")
	if got := s.Leads()["k"]; got.Writes != 3 || s.Tokens() != 2 {
		t.Errorf("%+v, %d tokens", got, s.Tokens())
	}
}

func TestSalesforceTokens(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := salesforce(t, SalesforceConfig{Key: &key.PublicKey})
	c := &crm{t: t, http: poster(t), base: s.URL()}
	claims := func(iss, sub, aud string, lives time.Duration) string {
		part := base64.RawURLEncoding.EncodeToString
		signed := part([]byte(`{"alg":"RS256"}`)) + "." + part(fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":%q,"exp":%d}`, iss, sub, aud, time.Now().Add(lives).Unix()))
		sum := sha256.Sum256([]byte(signed))
		sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + part(sig)
	}
	const user, host = "integration@org.example", "https://login.salesforce.com"
	good := claims("client", user, host, time.Minute)
	for _, x := range []struct {
		name, grant string
		form        string
		code        string
	}{
		{"password", "password", "client_id=client&client_secret=client-secret&username=a&password=b", "unsupported_grant_type"},
		{"other", "magic", "client_id=client&client_secret=client-secret", "unsupported_grant_type"},
		{"client", "client_credentials", "client_id=x&client_secret=client-secret", "invalid_client_id"},
		{"secret", "client_credentials", "client_id=client&client_secret=x", "invalid_client"},
		{"refresh", "refresh_token", "client_id=client&client_secret=client-secret&refresh_token=x", "invalid_grant"},
		{"no refresh", "refresh_token", "client_id=client&client_secret=client-secret", "invalid_grant"},
		{"sound refresh", "refresh_token", "client_id=client&client_secret=client-secret&refresh_token=refresh-0", ""},
		{"jwt", "jwt", "assertion=" + good, ""},
		{"jwt, forged", "jwt", "assertion=" + good[:len(good)-8] + "AAAAAAAA", "invalid_grant"},
		{"jwt, none", "jwt", "assertion=x.y", "invalid_grant"},
		{"jwt, issuer", "jwt", "assertion=" + claims("x", user, host, time.Minute), "invalid_grant"},
		{"jwt, user", "jwt", "assertion=" + claims("client", "x", host, time.Minute), "invalid_grant"},
		{"jwt, audience", "jwt", "assertion=" + claims("client", user, "https://x.example", time.Minute), "invalid_grant"},
		{"jwt, too long", "jwt", "assertion=" + claims("client", user, host, time.Hour), "invalid_grant"},
		{"jwt, over", "jwt", "assertion=" + claims("client", user, host, -time.Minute), "invalid_grant"},
	} {
		form, err := url.ParseQuery(x.form)
		if err != nil {
			t.Fatal(err)
		}
		form.Set("grant_type", strings.Replace(x.grant, "jwt", "urn:ietf:params:oauth:grant-type:jwt-bearer", 1))
		status, answer := c.login("/services/oauth2/token", form)
		code, _ := answer["error"].(string)
		if code != x.code || (status == 200) != (x.code == "") || x.code != "" && answer["error_description"] == "" {
			t.Errorf("%s: %d %v", x.name, status, answer)
		}
	}
	if s.Tokens() != 2 || s.Spent() != 0 {
		t.Errorf("%d tokens, %d spent", s.Tokens(), s.Spent())
	}
	s.Rotate(true)
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"client"}, "client_secret": {"client-secret"}, "refresh_token": {"refresh-0"}}
	_, first := c.login("/services/oauth2/token", form)
	next, _ := first["refresh_token"].(string)
	if status, answer := c.login("/services/oauth2/token", form); status != 400 || answer["error"] != "invalid_grant" || next == "" || s.Spent() != 1 {
		t.Errorf("spent token: %d %v, %d spent, next %q", status, answer, s.Spent(), next)
	}
	form.Set("refresh_token", next)
	if status, _ := c.login("/services/oauth2/token", form); status != 200 {
		t.Errorf("next token: %d", status)
	}
}

func TestSalesforceWebToLead(t *testing.T) {
	t.Parallel()
	s := salesforce(t, SalesforceConfig{WebPerDay: 2})
	c := &crm{t: t, http: poster(t), base: s.URL()}
	const sound = "oid=00D000000000001&last_name=Lee&company=X&retURL=https%3A%2F%2Fx.example%2F%3Fa%3D1%26b&00N000000000001=a&00N000000000001=b"
	for _, x := range []struct {
		org, body string
		processed string
	}{
		{"00D000000000001", sound, "true"},
		{"00D000000000001EAA", sound, "true"},
		{"", sound, "true"},
		{"00D000000000002", sound, "Exception"},
		{"", strings.Replace(sound, "oid=00D", "oid=00E", 1), "Exception"},
		{"", strings.Replace(sound, "Lee", "", 1), "Exception"},
		{"", strings.Replace(sound, "company=X", "company="+strings.Repeat("x", 256), 1), "Exception"},
	} {
		status, header, text := c.ask("POST", "/servlet/servlet.WebToLead?encoding=UTF-8&orgId="+x.org, "application/x-www-form-urlencoded", x.body)
		got := header.Get("Is-Processed")
		if status != 200 || !strings.HasPrefix(text, "<html>") || !strings.Contains(text, "URL=https://x.example/?a=1&amp;b") ||
			(x.processed == "true") != (got == "true") || !strings.Contains(got, x.processed) {
			t.Errorf("%s %s: %d %s %s", x.org, x.body, status, got, text)
		}
	}
	web := s.WebLeads()
	if len(web) != 3 || web[1].Queued || !web[2].Queued || web[0].Fields["00N000000000001"] != "a;b" || web[0].Fields["last_name"] != "Lee" {
		t.Errorf("%+v", web)
	}
}
