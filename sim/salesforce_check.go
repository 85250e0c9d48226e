package sim

import (
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"
)

// salesforceFields returns the fields of a lead with their sizes.
func salesforceFields(c SalesforceConfig) map[string]int {
	out := map[string]int{
		"Salutation": 40, "FirstName": 40, "LastName": 80, "Company": 255, "Title": 128, "Email": 80, "Phone": 40, "MobilePhone": 40,
		"Fax": 40, "Street": 255, "City": 40, "State": 80, "StateCode": 10, "PostalCode": 20, "Country": 80, "CountryCode": 10, "Website": 255,
		"Description": 32_000, "LeadSource": 255, "Industry": 255, "Rating": 255, "Status": 255, "AnnualRevenue": 18, "NumberOfEmployees": 8,
		"OwnerId": 18, "RecordTypeId": 18, "DoNotCall": 5, "HasOptedOutOfEmail": 5, "HasOptedOutOfFax": 5, c.ExternalID: 255,
	}
	for _, name := range c.Custom {
		out[name] = 255
	}
	return out
}

// check says what is wrong with the fields of a write, or nil.
func (s *Salesforce) check(fields map[string]string, created bool) *salesforceError {
	if missing := missingFields(fields, created); len(missing) > 0 {
		return &salesforceError{
			Code: "REQUIRED_FIELD_MISSING", Message: fmt.Sprintf("Required fields are missing: [%s]", strings.Join(missing, ", ")), Fields: missing,
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if e := s.checkField(name, fields[name]); e != nil {
			return e
		}
	}
	return nil
}

func missingFields(fields map[string]string, created bool) []string {
	var missing []string
	for _, name := range []string{"LastName", "Company"} {
		if v, given := fields[name]; strings.TrimSpace(v) == "" && (given || created) {
			missing = append(missing, name)
		}
	}
	return missing
}

func (s *Salesforce) checkField(name, v string) *salesforceError {
	size, known := s.sizes[name]
	e := &salesforceError{Fields: []string{name}}
	switch {
	case !known:
		return &salesforceError{Code: "INVALID_FIELD", Message: fmt.Sprintf("No such column '%s' on sobject of type Lead", name)}
	case v == "":
		return nil
	case strings.HasSuffix(name, "Id") && len(v) != 15 && len(v) != 18:
		e.Code, e.Message = "MALFORMED_ID", fmt.Sprintf("%s: id value of incorrect type: %.40s", name, v)
	case len([]rune(v)) > size:
		e.Code, e.Message = "STRING_TOO_LONG", fmt.Sprintf("%s: data value too large: %.40s (max length=%d)", name, v, size)
	case name == "Email" && !soundEmail(v):
		e.Code, e.Message = "INVALID_EMAIL_ADDRESS", "Email: invalid email address: "+v
	case name == "Rating" && !slices.Contains([]string{"Hot", "Warm", "Cold"}, v):
		e.Code, e.Message = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Rating: bad value for restricted picklist field: "+v
	default:
		return nil
	}
	return e
}

// soundEmail reports whether the text is an address of a host with a dot.
func soundEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && strings.Contains(s[strings.LastIndexByte(s, '@')+1:], ".")
}

// duplicate returns the record that a rule finds, or "". A rule that only alerts
// lets the write pass where it is told to; one that blocks never does. s.mu is
// held.
func (s *Salesforce) duplicate(lead *SalesforceLead, fields map[string]string, allowSave bool) string {
	for name, v := range fields {
		if id := s.blocked[[2]string{name, strings.ToLower(v)}]; id != "" {
			return id
		}
	}
	if id := s.byEmail[strings.ToLower(fields["Email"])]; id != "" && id != lead.ID && !allowSave {
		return id
	}
	return ""
}

// duplicatesDetected is the refusal of a duplicate rule.
func duplicatesDetected(id, version string) salesforceError {
	record := map[string]any{
		"attributes": map[string]string{"type": "Lead", "url": "/services/data/" + version + "/sobjects/Lead/" + id}, "Id": id,
	}
	match := map[string]any{
		"entityType": "Lead", "errors": []string{}, "matchEngine": "FuzzyMatchEngine", "rule": "Standard_Lead_Match_Rule_v1_0", "size": 1, "success": true,
		"matchRecords": []any{map[string]any{"additionalInformation": []string{}, "fieldDiffs": []string{}, "matchConfidence": 100.0, "record": record}},
	}
	return salesforceError{
		Code: "DUPLICATES_DETECTED", Message: "Use one of these records?",
		Duplicate: map[string]any{
			"allowSave": false, "duplicateRule": "Standard_Lead_Duplicate_Rule", "duplicateRuleEntityType": "Lead",
			"errorMessage": "The record looks like one that is there already.", "matchResults": []any{match},
		},
	}
}
