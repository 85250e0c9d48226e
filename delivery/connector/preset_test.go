package connector_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// came is a request as a partner saw it.
type came struct {
	method, path, query string
	header              http.Header
	body                string
	form                url.Values
}

// partner answers what the test says and keeps what came.
type partner struct {
	url    string
	mu     sync.Mutex
	last   came
	answer func(came) (status int, header map[string]string, body string)
}

func newPartner(t *testing.T) *partner {
	t.Helper()
	p := &partner{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(b))
		p.mu.Lock()
		defer p.mu.Unlock()
		c := came{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header, string(b), form}
		if r.URL.Path == "/services/oauth2/token" { // the org's own token endpoint: no expires_in
			_, _ = fmt.Fprintf(w, `{"access_token":"00D!AR8","instance_url":%q,"token_type":"Bearer","issued_at":"1"}`, p.url)
			return
		}
		p.last = c
		status, header, body := p.answer(c)
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *partner) says(status int, header map[string]string, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(came) (int, map[string]string, string) { return status, header, body }
}

func preset(t *testing.T, name string, settings map[string]string, edit func(*connector.Exchange)) *connector.Plan {
	t.Helper()
	x, ok := connector.Preset(name)
	if !ok {
		t.Fatalf("no preset %s", name)
	}
	for k, v := range settings {
		x.Settings[k] = v
	}
	if edit != nil {
		edit(&x)
	}
	return compile(t, x)
}

func consumer() connector.Ask {
	return connector.Ask{Key: "01JLEAD", Facts: map[string]string{
		"first_name": "Ann", "last_name": "Lee", "phone": "+15125550100", "email": "Ann@X.io", "zip": "78701", "state": "TX",
		"city": "Austin", "address": "1 Main St", "ip": "8.8.8.8", "trustedform_url": "https://cert.trustedform.com/abc", "leadid": "L-1",
	}}
}

// want is what an answer must come to.
type want struct {
	status int
	header map[string]string
	body   string
	class  connector.Class
	id     string
	price  string
	reason string
	wait   time.Duration
}

func (p *partner) check(t *testing.T, plan *connector.Plan, cases map[string]want) {
	t.Helper()
	s := sender(t, nil)
	for name, c := range cases {
		p.says(c.status, c.header, c.body)
		got := s.Send(t.Context(), plan, consumer())
		price := ""
		if got.Price != nil {
			price = got.Price.String()
		}
		if got.Class != c.class || got.ID != c.id || price != c.price || got.RetryAfter != c.wait || !strings.Contains(got.Reason, c.reason) {
			t.Errorf("%s: got %s id %q price %q wait %s reason %q", name, got.Class, got.ID, price, got.RetryAfter, got.Reason)
		}
	}
}

func wantJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, a); d != "" {
		t.Error(d)
	}
}

func TestSalesforceREST(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	plan := preset(t, "salesforce-rest", nil, func(x *connector.Exchange) {
		x.Auth.Account, x.Auth.TokenURL, x.Auth.ClientID, x.Auth.ClientSecret = "org", p.url+"/services/oauth2/token", "c", "secret"
	})
	fail := func(code, message string) string {
		return fmt.Sprintf(`[{"message":%q,"errorCode":%q,"fields":[]}]`, message, code)
	}
	p.check(t, plan, map[string]want{
		"created":        {201, nil, `{"id":"00Q1","success":true,"errors":[],"created":true}`, connector.ClassAccepted, "00Q1", "", "", 0},
		"updated":        {200, nil, `{"id":"00Q1","success":true,"errors":[],"created":false}`, connector.ClassAccepted, "00Q1", "", "", 0},
		"updated, old":   {204, nil, "", connector.ClassAccepted, "", "", "", 0},
		"not unique":     {300, nil, `["/services/data/v66.0/sobjects/Lead/00Q1","/services/data/v66.0/sobjects/Lead/00Q2"]`, connector.ClassRejected, "", "", "several records", 0},
		"required":       {400, nil, fail("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"), connector.ClassRejected, "", "", "REQUIRED_FIELD_MISSING: Required fields", 0},
		"locked":         {400, nil, fail("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), connector.ClassThrottled, "", "", "UNABLE_TO_LOCK_ROW", 0},
		"quota":          {403, nil, fail("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), connector.ClassThrottled, "", "", "REQUEST_LIMIT", 15 * time.Minute},
		"no rights":      {403, nil, fail("INSUFFICIENT_ACCESS", "no"), connector.ClassRejected, "", "", "INSUFFICIENT_ACCESS", 0},
		"session":        {401, nil, fail("INVALID_SESSION_ID", "Session expired or invalid"), connector.ClassAuth, "", "", "INVALID_SESSION_ID", 0},
		"broken":         {500, nil, fail("UNKNOWN_EXCEPTION", "An unexpected error"), connector.ClassServer, "", "", "UNKNOWN_EXCEPTION", 0},
		"too many users": {503, nil, fail("SERVER_UNAVAILABLE", "later"), connector.ClassServer, "", "", "SERVER_UNAVAILABLE", 0},
		"duplicate": {400, nil, `[{"duplicateResult":{"allowSave":false,"duplicateRule":"Standard_Lead_Duplicate_Rule","matchResults":[{"entityType":"Lead",` +
			`"matchRecords":[{"matchConfidence":100.0,"record":{"attributes":{"type":"Lead"},"Id":"00Q9"}}]}]},"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?"}]`,
			connector.ClassRejected, "00Q9", "", "DUPLICATES_DETECTED", 0},
	})
	if p.last.method != "PATCH" || p.last.path != "/services/data/v66.0/sobjects/Lead/Ext_Lead_Id__c/01JLEAD" ||
		p.last.header.Get("Authorization") != "Bearer 00D!AR8" || p.last.header.Get("Sforce-Auto-Assign") != "TRUE" ||
		p.last.header.Get("Sforce-Duplicate-Rule-Header") != "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true" {
		t.Errorf("sent %+v", p.last)
	}
	wantJSON(t, p.last.body, `{"FirstName":"Ann","LastName":"Lee","Company":"[not provided]","Phone":"(512) 555-0100","Email":"Ann@X.io",
		"LeadSource":"Web","Street":"1 Main St","City":"Austin","State":"TX","PostalCode":"78701"}`)
	if !plan.Idempotent() {
		t.Error("an upsert is idempotent")
	}
	preview, mapped, err := plan.Preview(consumer()) // before any token
	if err != nil || !mapped.OK() || !strings.HasPrefix(preview, "PATCH https://instance.example/services/data/v66.0/") {
		t.Errorf("preview %q, %v", preview, err)
	}
}

func TestSalesforceWebToLead(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	plan := preset(t, "salesforce-web-to-lead", map[string]string{"base": p.url, "org_id": "00D5e0000001234", "ret_url": "https://us.example/thanks"}, nil)
	p.check(t, plan, map[string]want{
		"page":     {200, nil, `<html><head><meta http-equiv="Refresh" content="0; URL=https://us.example/thanks"></head></html>`, connector.ClassAccepted, "", "", "", 0},
		"redirect": {302, map[string]string{"Location": "https://us.example/thanks"}, "", connector.ClassAccepted, "", "", "", 0},
		"dropped": {200, map[string]string{"Is-Processed": "true Exception:common.exception.SalesforceGenericException"}, "<html></html>",
			connector.ClassRejected, "", "", "SalesforceGenericException", 0},
		"broken": {500, nil, "", connector.ClassServer, "", "", "500", 0},
	})
	p.says(200, nil, "<html></html>")
	if got := sender(t, nil).Send(t.Context(), plan, consumer()); !got.Unconfirmed || plan.Idempotent() {
		t.Errorf("an answer that proves nothing: %+v", got)
	}
	if p.last.path != "/servlet/servlet.WebToLead" || p.last.query != "encoding=UTF-8&orgId=00D5e0000001234" {
		t.Errorf("sent to %s?%s", p.last.path, p.last.query)
	}
	if d := cmp.Diff(url.Values{
		"oid": {"00D5e0000001234"}, "retURL": {"https://us.example/thanks"}, "first_name": {"Ann"}, "last_name": {"Lee"},
		"company": {"[not provided]"}, "email": {"Ann@X.io"}, "phone": {"(512) 555-0100"}, "street": {"1 Main St"}, "city": {"Austin"},
		"state": {"TX"}, "zip": {"78701"}, "lead_source": {"Web"}, "external": {"1"},
	}, p.last.form); d != "" {
		t.Error(d)
	}
}

func TestHubSpot(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	plan := preset(t, "hubspot", map[string]string{"base": p.url}, func(x *connector.Exchange) { x.Auth.Secret = "pat-na1-secret" })
	limit := `{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","correlationId":"c","policyName":%q}`
	p.check(t, plan, map[string]want{
		"created": {200, nil, `{"status":"COMPLETE","results":[{"id":"512","new":true,"properties":{},"objectWriteTraceId":"01JLEAD"}],"startedAt":"x","completedAt":"y"}`,
			connector.ClassAccepted, "512", "", "", 0},
		"partial": {207, nil, `{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"status":"error","category":"VALIDATION_ERROR","message":"Property x does not exist"}]}`,
			connector.ClassRejected, "", "", "Property x does not exist", 0},
		"both":     {200, nil, `{"status":"COMPLETE","results":[{"id":"512"}],"errors":[{"message":"one of them"}]}`, connector.ClassRejected, "512", "", "one of them", 0},
		"invalid":  {400, nil, `{"status":"error","message":"Property values were not valid","correlationId":"c","category":"VALIDATION_ERROR"}`, connector.ClassRejected, "", "", "not valid", 0},
		"conflict": {409, nil, `{"status":"error","message":"Contact already exists. Existing ID: 179","category":"CONFLICT"}`, connector.ClassRejected, "", "", "already exists", 0},
		"secondly": {429, nil, fmt.Sprintf(limit, "TEN_SECONDLY_ROLLING"), connector.ClassThrottled, "", "", "secondly limit", 10 * time.Second},
		"daily":    {429, nil, fmt.Sprintf(limit, "DAILY"), connector.ClassThrottled, "", "", "limit", time.Hour},
		"token":    {401, nil, `{"status":"error","message":"expired","category":"EXPIRED_AUTHENTICATION"}`, connector.ClassAuth, "", "", "expired", 0},
	})
	if p.last.path != "/crm/objects/2026-03/contacts/batch/upsert" || p.last.header.Get("Authorization") != "Bearer pat-na1-secret" {
		t.Errorf("sent %+v", p.last)
	}
	wantJSON(t, p.last.body, `{"inputs":[{"idProperty":"email","id":"ann@x.io","objectWriteTraceId":"01JLEAD","properties":{"email":"ann@x.io","firstname":"Ann",
		"lastname":"Lee","phone":"+15125550100","address":"1 Main St","city":"Austin","state":"TX","zip":"78701","lifecyclestage":"lead"}}]}`)
	without := consumer()
	delete(without.Facts, "email")
	if got := sender(t, nil).Send(t.Context(), plan, without); got.Class != connector.ClassUnsound || got.Code != connector.CodeMapping {
		t.Errorf("without an e-mail address: %+v", got)
	}
}

func TestLeadConduit(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	plan := preset(t, "leadconduit", map[string]string{"base": p.url, "flow": "5f0000000000000000000001", "source": "5f0000000000000000000002"}, nil)
	p.check(t, plan, map[string]want{
		"success":  {201, nil, `{"outcome":"success","lead":{"id":"5f03"},"price":1.5}`, connector.ClassAccepted, "5f03", "1.50", "", 0},
		"failure":  {201, nil, `{"outcome":"failure","reason":"Cap reached","lead":{"id":"5f04"},"price":0}`, connector.ClassRejected, "5f04", "", "Cap reached", 0},
		"limited":  {429, nil, `{"status":429,"message":"Too Many Requests","retry_after":139335}`, connector.ClassThrottled, "", "", "Too Many", 139335 * time.Second},
		"limited2": {200, nil, `{"status":429,"message":"Too Many Requests","retry_after":5}`, connector.ClassThrottled, "", "", "Too Many", 5 * time.Second},
		"xml":      {200, nil, `<result><outcome>success</outcome><lead><id>7</id></lead></result>`, connector.ClassAccepted, "7", "", "", 0},
	})
	if p.last.path != "/flows/5f0000000000000000000001/sources/5f0000000000000000000002/submit" || p.last.header.Get("Accept") != "application/json" ||
		p.last.form.Get("phone_1") != "5125550100" || p.last.form.Get("postal_code") != "78701" {
		t.Errorf("sent %+v", p.last)
	}
}

func TestBoberdoo(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	plan := preset(t, "boberdoo", map[string]string{"url": p.url + "/post", "type": "6", "src": "test"}, func(x *connector.Exchange) { x.Auth.Secret = "boberdoo-key" })
	p.check(t, plan, map[string]want{
		"matched":   {200, nil, `{"response":{"status":"Matched","lead_id":"21777961","price":"6.66"}}`, connector.ClassAccepted, "21777961", "6.66", "", 0},
		"flat":      {200, nil, `{"status":"Success","lead_id":5}`, connector.ClassAccepted, "5", "", "", 0},
		"xml":       {200, nil, `<response><status>Matched</status><lead_id>21777961</lead_id><price>6.66</price></response>`, connector.ClassAccepted, "21777961", "6.66", "", 0},
		"unmatched": {200, nil, `<response><status>Unmatched</status><lead_id>3</lead_id></response>`, connector.ClassRejected, "3", "", "Unmatched", 0},
		"error":     {200, nil, `{"response":{"status":"Error","error":"Invalid Key"}}`, connector.ClassRejected, "", "", "Invalid Key", 0},
	})
	f := p.last.form
	if f.Get("Key") != "boberdoo-key" || f.Get("API_Action") != "pingPostLead" || f.Get("Mode") != "full" || f.Get("TYPE") != "6" ||
		f.Get("SRC") != "test" || f.Get("Format") != "JSON" || f.Has("Lead_ID") {
		t.Errorf("sent %v", f)
	}
	after := consumer()
	after.Facts["ping_id"] = "77"
	got := sender(t, nil).Send(t.Context(), plan, after)
	if f := p.last.form; f.Get("Mode") != "post" || f.Get("Lead_ID") != "77" || len(f["Mode"]) != 1 || strings.Contains(got.Request, "boberdoo-key") {
		t.Errorf("after a ping: sent %v", f)
	}
}

func TestLeadsPedia(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	plan := preset(t, "leadspedia", map[string]string{"base": p.url, "campaign_id": "5c1"}, func(x *connector.Exchange) { x.Auth.Secret = "campaign-key" })
	p.check(t, plan, map[string]want{
		"success": {200, nil, `{"result":"success","lead_id":"9","price":"12.00","redirect_url":"https://x.example"}`, connector.ClassAccepted, "9", "12.00", "", 0},
		"failed":  {200, nil, `{"result":"failed","msg":"Lead Rejected","errors":[{"field":"zip_code","error":"Invalid zip"}]}`, connector.ClassRejected, "", "", "Invalid zip", 0},
		"xml":     {200, nil, `<?xml version="1.0"?><response><result>success</result><price>3</price></response>`, connector.ClassAccepted, "", "3.00", "", 0},
		"other":   {200, nil, `{"result":"queued"}`, connector.ClassRejected, "", "", "queued", 0},
	})
	f := p.last.form
	if p.last.path != "/post.do" || f.Get("lp_campaign_id") != "5c1" || f.Get("lp_campaign_key") != "campaign-key" || f.Get("lp_response") != "JSON" ||
		f.Get("phone_home") != "5125550100" || f.Get("vendor_lead_id") != "01JLEAD" {
		t.Errorf("sent %s %v", p.last.path, f)
	}
}

func TestGenericPosts(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	for name, kind := range map[string]string{"json-post": "application/json", "form-post": "application/x-www-form-urlencoded"} {
		plan := preset(t, name, map[string]string{"url": p.url + "/leads?v=2"}, nil)
		p.check(t, plan, map[string]want{
			"accepted":         {200, nil, `{"Accepted":true,"LeadId":"L1","payout":22}`, connector.ClassAccepted, "L1", "22.00", "", 0},
			"accepted as text": {202, nil, `status=accepted&lead_id=4&price=1.25`, connector.ClassAccepted, "4", "1.25", "", 0},
			"rejected":         {200, nil, `{"response":"failure","details":"Quota Reached"}`, connector.ClassRejected, "", "", "Quota Reached", 0},
			"nothing said":     {200, nil, `{}`, connector.ClassRejected, "", "", "status 200", 0},
			"throttled":        {429, map[string]string{"Retry-After": "3"}, ``, connector.ClassThrottled, "", "", "429", 3 * time.Second},
		})
		if p.last.header.Get("Content-Type") != kind || p.last.header.Get("Idempotency-Key") != "01JLEAD" || p.last.query != "v=2" ||
			!strings.Contains(p.last.body, "5125550100") || plan.Idempotent() {
			t.Errorf("%s: sent %+v", name, p.last)
		}
	}
}

// Every preset compiles once what it asks for is filled in, and survives being
// written to a document and read again.
func TestPresetsAreSound(t *testing.T) {
	t.Parallel()
	for _, name := range connector.Presets() {
		x, ok := connector.Preset(name)
		if !ok {
			t.Fatalf("no preset %s", name)
		}
		_, problems := connector.Compile(x)
		for _, p := range problems {
			if !strings.HasPrefix(p.Path, "settings.") && !strings.HasPrefix(p.Path, "auth.") && p.Path != "url" {
				t.Errorf("%s: %s", name, p)
			}
		}
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		var again connector.Exchange
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(x, again); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := mapping.Diff(*x.Map, *again.Map); len(d) > 0 {
			t.Errorf("%s: %v", name, d)
		}
	}
	if _, ok := connector.Preset("nobody"); ok {
		t.Error("a preset nobody made")
	}
}
