package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hubSpotInput is a contact in a request.
type hubSpotInput struct {
	ID         string                     `json:"id"`
	IDProperty string                     `json:"idProperty"`
	Trace      string                     `json:"objectWriteTraceId"`
	Raw        map[string]json.RawMessage `json:"properties"`

	properties map[string]string
}

// read makes texts of the values, as the account keeps them.
func (in *hubSpotInput) read() {
	in.properties = make(map[string]string, len(in.Raw))
	for name, raw := range in.Raw {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			s = string(raw) // a number or a boolean, as it was written
		}
		in.properties[name] = s // null is ""
	}
}

// hubSpotResult is a contact in an answer.
type hubSpotResult struct {
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
	Created    time.Time         `json:"createdAt"`
	Updated    time.Time         `json:"updatedAt"`
	Archived   bool              `json:"archived"`
	New        *bool             `json:"new,omitempty"`
	Trace      string            `json:"objectWriteTraceId,omitempty"`
}

// result is an answer's copy: the contact may change before it is written.
func (c *HubSpotContact) result() hubSpotResult {
	return hubSpotResult{ID: c.ID, Properties: maps.Clone(c.Properties), Created: c.Created, Updated: c.Updated}
}

func unreadHubSpot() hubSpotAnswer {
	return hubSpotRefusal(400, "VALIDATION_ERROR", "Invalid input JSON: the body cannot be read")
}

// create is POST on the contacts: an address that is known is a conflict, not an
// update.
func (h *HubSpot) create(w http.ResponseWriter, r *http.Request) hubSpotAnswer {
	in, ok := h.contact(w, r)
	if !ok {
		return unreadHubSpot()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if in.properties["email"] == "" && in.properties["firstname"] == "" && in.properties["lastname"] == "" {
		return hubSpotRefusal(400, "VALIDATION_ERROR", "At least one of email, firstname and lastname is required")
	}
	if wrong := h.check(in.properties); len(wrong) > 0 {
		return invalidProperties(wrong)
	}
	if other := h.holder(in.properties, nil); other != nil {
		return hubSpotRefusal(409, "CONFLICT", "Contact already exists. Existing ID: "+other.ID)
	}
	if len(h.contacts) >= maxContacts {
		return hubSpotRefusal(400, "VALIDATION_ERROR", "The account holds as many contacts as it may")
	}
	c := h.save(nil, in)
	return hubSpotAnswer{status: http.StatusCreated, body: c.result(), lost: takeOne(&h.lost)}
}

// update is PATCH by the contact's id, or by a unique property that the query
// names.
func (h *HubSpot) update(w http.ResponseWriter, r *http.Request) hubSpotAnswer {
	in, ok := h.contact(w, r)
	if !ok {
		return unreadHubSpot()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.byID[r.PathValue("id")]
	if by := r.URL.Query().Get("idProperty"); by != "" {
		c = h.unique[[2]string{by, strings.ToLower(r.PathValue("id"))}]
	}
	if c == nil {
		return hubSpotRefusal(404, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.")
	}
	if wrong := h.check(in.properties); len(wrong) > 0 {
		return invalidProperties(wrong)
	}
	if other := h.holder(in.properties, c); other != nil {
		return hubSpotRefusal(400, "VALIDATION_ERROR", "A contact with that value exists already. Conflicting ID: "+other.ID)
	}
	h.save(c, in)
	return hubSpotAnswer{status: http.StatusOK, body: c.result(), lost: takeOne(&h.lost)}
}

func (h *HubSpot) contact(w http.ResponseWriter, r *http.Request) (hubSpotInput, bool) {
	var in hubSpotInput
	body, err := readBody(w, r, maxLeadBytes)
	if err != nil || json.Unmarshal(body, &in) != nil {
		return in, false
	}
	in.read()
	return in, true
}

// holder returns another contact that has one of the unique values; h.mu is held.
func (h *HubSpot) holder(properties map[string]string, than *HubSpotContact) *HubSpotContact {
	for name, v := range properties {
		if c := h.unique[[2]string{name, strings.ToLower(v)}]; v != "" && c != nil && c != than {
			return c
		}
	}
	return nil
}

// save writes a contact, a new one where c is nil; h.mu is held.
func (h *HubSpot) save(c *HubSpotContact, in hubSpotInput) *HubSpotContact {
	now := time.Now().UTC()
	if c == nil {
		c = &HubSpotContact{ID: strconv.Itoa(len(h.contacts) + 501), Properties: map[string]string{}, Created: now}
		h.contacts = append(h.contacts, c)
		h.byID[c.ID] = c
	}
	for name, v := range in.properties {
		known := h.properties[name]
		old := c.Properties[name]
		if name == "email" {
			v = strings.ToLower(v)
		}
		if name == "lifecyclestage" && slices.Index(known.options, v) < slices.Index(known.options, old) {
			continue // a stage moves forward only
		}
		if known.unique {
			delete(h.unique, [2]string{name, strings.ToLower(old)})
			if v != "" {
				h.unique[[2]string{name, strings.ToLower(v)}] = c
			}
		}
		c.Properties[name] = v
	}
	c.Writes++
	c.Updated = now
	if in.Trace != "" && len(h.writes) < maxContacts {
		h.writes[in.Trace]++
	}
	return c
}

// hubSpotProperty is what the account knows of a property.
type hubSpotProperty struct {
	unique  bool
	options []string // nil = any text
}

func hubSpotProperties(c HubSpotConfig) map[string]hubSpotProperty {
	out := map[string]hubSpotProperty{
		"email": {unique: true},
		"lifecyclestage": {options: []string{
			"subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
		}},
		"hs_lead_status": {options: []string{
			"NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING",
		}},
	}
	for _, name := range strings.Fields("firstname lastname phone mobilephone address city state zip country company jobtitle website message") {
		out[name] = hubSpotProperty{}
	}
	for _, name := range c.Custom {
		out[name] = hubSpotProperty{}
	}
	for _, name := range c.Unique {
		out[name] = hubSpotProperty{unique: true}
	}
	return out
}

// check says what is wrong with properties; h.mu is held.
func (h *HubSpot) check(properties map[string]string) []hubSpotDetail {
	var wrong []hubSpotDetail
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		known, ok := h.properties[name]
		v := properties[name]
		d := hubSpotDetail{Context: map[string]any{"propertyName": []string{name}}}
		switch {
		case !ok:
			d.Code, d.Message = "PROPERTY_DOESNT_EXIST", fmt.Sprintf("Property %q does not exist", name)
		case name == "email" && v != "" && !soundEmail(v):
			d.Code, d.Message = "INVALID_EMAIL", fmt.Sprintf("Email address %s is invalid", v)
		case known.options != nil && v != "" && !slices.Contains(known.options, v):
			d.Code, d.Message = "INVALID_OPTION", fmt.Sprintf("%s was not one of the allowed options: %s", v, strings.Join(known.options, ", "))
		default:
			continue
		}
		wrong = append(wrong, d)
	}
	return wrong
}

func invalidProperties(wrong []hubSpotDetail) hubSpotAnswer {
	return hubSpotRefusal(400, "VALIDATION_ERROR", "Property values were not valid: "+string(asJSON(wrong)), wrong...)
}
