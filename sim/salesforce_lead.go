package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strings"
	"time"
)

// salesforceError is one entry of an answer that refuses; there is always a list
// of them.
type salesforceError struct {
	Duplicate any      `json:"duplicateResult,omitempty"`
	Message   string   `json:"message"`
	Code      string   `json:"errorCode"`
	Fields    []string `json:"fields,omitempty"`
}

// salesforceAnswer is what a call comes to; lost ones are never heard.
type salesforceAnswer struct {
	status   int
	body     any // nil = none
	location string
	lost     bool
}

func salesforceRefusal(status int, e salesforceError) salesforceAnswer {
	return salesforceAnswer{status: status, body: []salesforceError{e}}
}

// api wraps a resource in what all calls meet: the limit, the session, the
// version.
func (s *Salesforce) api(next func(http.ResponseWriter, *http.Request) salesforceAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		good, _ := s.desk.admits(access)
		s.mu.Lock()
		s.usage++
		w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d", min(s.usage, salesforceCalls), salesforceCalls))
		away, limited := takeOne(&s.away), s.limited
		s.mu.Unlock()
		var a salesforceAnswer
		switch {
		case away:
			a = salesforceRefusal(503, salesforceError{Code: "SERVER_UNAVAILABLE", Message: "The server is temporarily unavailable."})
		case !good:
			a = salesforceRefusal(401, salesforceError{Code: "INVALID_SESSION_ID", Message: "Session expired or invalid"})
		case limited:
			a = salesforceRefusal(403, salesforceError{Code: "REQUEST_LIMIT_EXCEEDED", Message: "TotalRequests Limit exceeded."})
		case !salesforceVersion.MatchString(r.PathValue("version")):
			a = noResource(w, r)
		default:
			a = next(w, r)
		}
		switch {
		case a.lost:
			lose(w)
		case a.body == nil:
			w.WriteHeader(a.status)
		default:
			if a.location != "" {
				w.Header().Set("Location", a.location)
			}
			answerJSON(w, a.status, a.body)
		}
	}
}

// noResource answers for resources that are not simulated, or do not exist.
func noResource(_ http.ResponseWriter, r *http.Request) salesforceAnswer {
	if strings.Contains(r.URL.Path, "/sobjects/Lead") {
		return salesforceRefusal(405, salesforceError{Code: "METHOD_NOT_ALLOWED", Message: "HTTP Method '" + r.Method + "' not allowed."})
	}
	return salesforceRefusal(404, salesforceError{Code: "NOT_FOUND", Message: "The requested resource does not exist"})
}

// create is POST on the leads.
func (s *Salesforce) create(w http.ResponseWriter, r *http.Request) salesforceAnswer {
	return s.write(w, r, func(fields map[string]string) (*SalesforceLead, *salesforceAnswer) {
		return &SalesforceLead{ExternalID: fields[s.cfg.ExternalID]}, nil
	})
}

// update is PATCH by the record's own id.
func (s *Salesforce) update(w http.ResponseWriter, r *http.Request) salesforceAnswer {
	id := r.PathValue("id")
	a := s.write(w, r, func(map[string]string) (*SalesforceLead, *salesforceAnswer) {
		if l := s.byID[id]; l != nil {
			return l, nil
		}
		a := salesforceRefusal(404, salesforceError{Code: "NOT_FOUND", Message: "Provided external ID field does not exist or is not accessible: Id"})
		if len(id) != 15 && len(id) != 18 || !strings.HasPrefix(id, "00Q") {
			a = salesforceRefusal(400, salesforceError{Code: "MALFORMED_ID", Message: "Lead ID: id value of incorrect type: " + id, Fields: []string{"Id"}})
		}
		return nil, &a
	})
	if a.status == http.StatusOK {
		a.status, a.body = http.StatusNoContent, nil
	}
	return a
}

// upsert is PATCH by an external id, which stands in the address and not in the
// body.
func (s *Salesforce) upsert(w http.ResponseWriter, r *http.Request) salesforceAnswer {
	field, value, version := r.PathValue("field"), r.PathValue("value"), r.PathValue("version")
	a := s.write(w, r, func(fields map[string]string) (*SalesforceLead, *salesforceAnswer) {
		var a salesforceAnswer
		_, twice := fields[s.cfg.ExternalID]
		found := s.external[value]
		switch {
		case !strings.EqualFold(field, s.cfg.ExternalID):
			a = salesforceRefusal(404, salesforceError{Code: "NOT_FOUND", Message: "Provided external ID field does not exist or is not accessible: " + field})
		case twice:
			a = salesforceRefusal(400, salesforceError{
				Code: "INVALID_FIELD", Message: "The " + s.cfg.ExternalID + " field should not be specified in the sobject data.",
			})
		case len(found) > 1:
			all := []string{}
			for _, l := range found {
				all = append(all, "/services/data/"+version+"/sobjects/Lead/"+l.ID)
			}
			a = salesforceAnswer{status: 300, body: all}
		case len(found) == 1:
			return found[0], nil
		case r.URL.Query().Get("updateOnly") == "true":
			a = salesforceRefusal(404, salesforceError{Code: "NOT_FOUND", Message: "The requested resource does not exist"})
		default:
			return &SalesforceLead{ExternalID: value}, nil
		}
		return nil, &a
	})
	if a.status == http.StatusOK && version < "v46.0" {
		a.status, a.body = http.StatusNoContent, nil
	}
	return a
}

// write saves the fields of a request to the lead that find names: a new one, or
// one that is there.
func (s *Salesforce) write(w http.ResponseWriter, r *http.Request, find func(map[string]string) (*SalesforceLead, *salesforceAnswer)) salesforceAnswer {
	fields, refused := s.fields(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if takeOne(&s.locks) {
		return salesforceRefusal(400, salesforceError{Code: "UNABLE_TO_LOCK_ROW", Message: "unable to obtain exclusive access to this record"})
	}
	if refused != nil {
		return *refused
	}
	lead, other := find(fields)
	if other != nil {
		return *other
	}
	created := lead.ID == ""
	if e := s.check(fields, created); e != nil {
		return salesforceRefusal(400, *e)
	}
	if id := s.duplicate(lead, fields, strings.Contains(r.Header.Get("Sforce-Duplicate-Rule-Header"), "allowSave=true")); id != "" {
		return salesforceRefusal(400, duplicatesDetected(id, r.PathValue("version")))
	}
	if created && len(s.leads) >= maxSalesforceLeads {
		return salesforceRefusal(400, salesforceError{Code: "STORAGE_LIMIT_EXCEEDED", Message: "storage limit exceeded"})
	}
	s.save(lead, fields)
	a := salesforceAnswer{status: 200, lost: takeOne(&s.lost)}
	body := map[string]any{"id": lead.ID, "success": true, "errors": []string{}}
	if created {
		a.status, a.location = 201, "/services/data/"+r.PathValue("version")+"/sobjects/Lead/"+lead.ID
	}
	if r.Method == http.MethodPatch {
		body["created"] = created
	}
	a.body = body
	return a
}

// save writes; s.mu is held.
func (s *Salesforce) save(lead *SalesforceLead, fields map[string]string) {
	if lead.ID == "" {
		lead.ID, lead.Created, lead.Fields = salesforceID("00Q", len(s.leads)+1), time.Now(), map[string]string{}
		s.leads = append(s.leads, lead)
		s.byID[lead.ID], s.byID[lead.ID[:15]] = lead, lead
		if lead.ExternalID != "" {
			s.external[lead.ExternalID] = append(s.external[lead.ExternalID], lead)
		}
	}
	maps.Copy(lead.Fields, fields)
	lead.Writes++
	if email := strings.ToLower(lead.Fields["Email"]); email != "" && s.byEmail[email] == "" {
		s.byEmail[email] = lead.ID
	}
}

// fields reads the body of a write.
func (s *Salesforce) fields(w http.ResponseWriter, r *http.Request) (map[string]string, *salesforceAnswer) {
	body, err := readBody(w, r, maxLeadBytes)
	a := salesforceRefusal(400, salesforceError{Code: "JSON_PARSER_ERROR", Message: "The body cannot be read as a flat JSON object"})
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		a = salesforceRefusal(415, salesforceError{Code: "UNSUPPORTED_MEDIA_TYPE", Message: "Content-Type header specified in HTTP request is not supported: " + kind})
		return nil, &a
	}
	var raw map[string]json.RawMessage
	if err != nil || json.Unmarshal(body, &raw) != nil {
		return nil, &a
	}
	delete(raw, "attributes")
	fields := make(map[string]string, len(raw))
	for name, text := range raw {
		var s string
		switch {
		case len(text) > 0 && (text[0] == '{' || text[0] == '['):
			return nil, &a
		case len(text) > 0 && text[0] == '"' && json.Unmarshal(text, &s) == nil:
			fields[name] = s
		case string(text) == "null":
			fields[name] = ""
		default:
			fields[name] = string(text) // a number or a boolean, as it was written
		}
	}
	return fields, nil
}
