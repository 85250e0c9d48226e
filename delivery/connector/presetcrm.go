package connector

import "github.com/ringbid/ringbid/delivery/mapping"

// salesforceREST upserts a Lead by an external id, which is the delivery's id, so
// that a repeat finds the first. The org says where it wants to be called with
// the token; sessions end without notice, which a 401 tells.
func salesforceREST() Exchange {
	provided := "[not provided]"
	return Exchange{
		Method:   "PATCH",
		URL:      "{{instance_url}}/services/data/{{version}}/sobjects/Lead/{{external_id}}/{{key}}",
		Settings: map[string]string{"version": "v66.0", "external_id": "Ext_Lead_Id__c"},
		Header: map[string]string{
			"Accept": "application/json", "Sforce-Auto-Assign": "TRUE",
			"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true",
		},
		Body: BodyJSON,
		Map: fields(
			from("FirstName", "first_name", atMost(40)), orElse(from("LastName", "last_name", atMost(80)), provided),
			orElse(from("Company", "company", atMost(255)), provided), from("Phone", "phone", phoneAs("paren")),
			from("Email", "email"), static("LeadSource", "Web"), from("Street", "address", atMost(255)), from("City", "city", atMost(40)),
			from("State", "state"), from("PostalCode", "zip", atMost(20)),
		),
		Auth:       Auth{Kind: AuthClient},
		Idempotent: true,
		Answer: Rules{
			Accepted: `status == 204 || status in [200, 201] && yes("success")`,
			ID:       `at("id", "0.duplicateResult.matchResults.0.matchRecords.0.record.Id")`,
			Reason: `status == 300 ? "external id matches several records" : ` +
				`at("0.errorCode") == "" ? "" : at("0.errorCode") + ": " + at("0.message")`,
			Declined: `at("0.errorCode") == "DUPLICATES_DETECTED"`,
			Retry:    `at("0.errorCode") in ["REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"]`,
			Wait:     `at("0.errorCode") == "REQUEST_LIMIT_EXCEEDED" ? "900" : ""`,
		},
	}
}

// salesforceWeb submits a web form. The answer proves nothing: an org that drops
// the lead answers 200 as well, and only a header tells of some failures. The
// redirect leads to retURL, which is not ours to visit.
func salesforceWeb() Exchange {
	provided := "[not provided]"
	return Exchange{
		URL:      "{{base}}/servlet/servlet.WebToLead?encoding=UTF-8&orgId={{org_id}}",
		Settings: map[string]string{"base": "https://webto.salesforce.com", "org_id": "", "ret_url": ""},
		Body:     BodyForm,
		Map: fields(
			setting("oid", "org_id"), setting("retURL", "ret_url"), from("first_name", "first_name", atMost(40)),
			orElse(from("last_name", "last_name", atMost(80)), provided), orElse(from("company", "company", atMost(255)), provided),
			from("email", "email"), from("phone", "phone", phoneAs("paren")), from("street", "address"), from("city", "city"),
			from("state", "state"), from("zip", "zip"), static("lead_source", "Web"), static("external", "1"),
		),
		Answer: Rules{
			As:          "text",
			Accepted:    `status in [200, 302] && !(header("Is-Processed") contains "Exception")`,
			Reason:      `header("Is-Processed")`,
			Unconfirmed: true,
		},
	}
}

// hubspot upserts one contact by its e-mail address, or by another unique
// property. Partial success is 207, which for one contact is none.
func hubspot() Exchange {
	p := func(name, fact string, format ...mapping.Format) mapping.Field {
		return from("inputs.0.properties."+name, fact, format...)
	}
	return Exchange{
		URL:      "{{base}}/crm/objects/{{version}}/contacts/batch/upsert",
		Settings: map[string]string{"base": "https://api.hubapi.com", "version": "2026-03"},
		Header:   map[string]string{"Accept": "application/json"},
		Body:     BodyJSON,
		Map: fields(
			static("inputs.0.idProperty", "email"), required(from("inputs.0.id", "email", mapping.Format{As: "case", To: "lower"})),
			from("inputs.0.objectWriteTraceId", "key"), required(p("email", "email", mapping.Format{As: "case", To: "lower"})),
			p("firstname", "first_name"), p("lastname", "last_name"), p("phone", "phone", phoneAs("e164")), p("address", "address"),
			p("city", "city"), p("state", "state"), p("zip", "zip"), static("inputs.0.properties.lifecyclestage", "lead"),
		),
		Auth:       Auth{Kind: AuthBearer},
		Idempotent: true,
		Answer: Rules{
			Accepted: `status in [200, 201] && is("status", "COMPLETE") && has("results.0.id") && !has("errors")`,
			ID:       `at("results.0.id")`,
			Reason:   `at("errors.0.message", "message")`,
			Retry:    `is("errorType", "RATE_LIMIT") || is("category", "RATE_LIMITS")`,
			Wait:     `is("policyName", "DAILY") ? "3600" : is("policyName", "TEN_SECONDLY_ROLLING") ? "10" : ""`,
		},
	}
}
