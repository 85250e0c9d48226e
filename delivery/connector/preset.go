package connector

import "github.com/ringbid/ringbid/delivery/mapping"

// Presets returns the names of the exchanges we bring along, in the order they
// are offered.
func Presets() []string {
	return []string{
		"salesforce-rest", "salesforce-web-to-lead", "hubspot", "json-post", "form-post", "leadconduit", "boberdoo", "leadspedia",
	}
}

// Preset returns an exchange to start from. Settings that are empty, and the
// credentials of its Auth, are the operator's to fill in; Compile names them. Its
// map reads the facts first_name, last_name, company, email, phone, address, city,
// state, zip, ip, source_url, trustedform_url, leadid, consent_text and ping_id.
func Preset(name string) (Exchange, bool) {
	switch name {
	case "salesforce-rest":
		return salesforceREST(), true
	case "salesforce-web-to-lead":
		return salesforceWeb(), true
	case "hubspot":
		return hubspot(), true
	case "json-post":
		return jsonPost(), true
	case "form-post":
		return formPost(), true
	case "leadconduit":
		return leadconduit(), true
	case "boberdoo":
		return boberdoo(), true
	case "leadspedia":
		return leadspedia(), true
	}
	return Exchange{}, false
}

// Shorthand for fields of the presets.

func from(to, fact string, format ...mapping.Format) mapping.Field {
	return mapping.Field{To: to, From: fact, Format: format}
}

func static(to, text string) mapping.Field { return mapping.Field{To: to, Static: &text} }

func setting(to, name string) mapping.Field {
	return mapping.Field{To: to, From: "setting." + name, Required: true}
}

func orElse(f mapping.Field, text string) mapping.Field {
	f.Default = &text
	return f
}

func required(f mapping.Field) mapping.Field {
	f.Required = true
	return f
}

func phoneAs(form string) mapping.Format { return mapping.Format{As: "phone", To: form} }

func atMost(n int) mapping.Format { return mapping.Format{As: "max", Length: n} }

func fields(f ...mapping.Field) *mapping.Map { return &mapping.Map{Fields: f} }

// jsonPost sends flat JSON to a partner that answers in one of the usual ways.
func jsonPost() Exchange {
	x := usual()
	x.Body = BodyJSON
	return x
}

// formPost sends a form to such a partner.
func formPost() Exchange {
	x := usual()
	x.Body = BodyForm
	return x
}

// usual is not idempotent although it sends a key: only the partner can say that
// it heeds it.
func usual() Exchange {
	return Exchange{
		URL: "{{url}}", Settings: map[string]string{"url": ""}, KeyHeader: "Idempotency-Key",
		Header: map[string]string{"Accept": "application/json"},
		Map: fields(
			from("lead_id", "key"), from("first_name", "first_name"), from("last_name", "last_name"), from("email", "email"),
			from("phone", "phone", phoneAs("10")), from("address", "address"), from("city", "city"), from("state", "state"),
			from("zip", "zip"), from("ip_address", "ip"), from("source_url", "source_url"),
			from("trustedform_cert_url", "trustedform_url"), from("universal_leadid", "leadid"), from("tcpa_text", "consent_text"),
		),
		Answer: Rules{
			Accepted: `status in [200, 201, 202] && (yes("accepted") || yes("success") || is("status", "accepted", "success", "ok") ` +
				`|| is("result", "accepted", "success") || is("outcome", "success") || is("response", "success"))`,
			ID:     `at("lead_id", "leadId", "LeadId", "id", "lead.id")`,
			Price:  `at("price", "payout", "amount")`,
			Reason: `at("reason", "error", "message", "msg", "details", "errors.0.message", "errors.0.error", "errors.0")`,
			Wait:   `at("retry_after")`,
		},
	}
}

// leadconduit submits to a flow. Its caps answer failure with a reason; its ping
// limit answers 429 with the seconds to wait.
func leadconduit() Exchange {
	return Exchange{
		URL:      "{{base}}/flows/{{flow}}/sources/{{source}}/submit",
		Settings: map[string]string{"base": "https://app.leadconduit.com", "flow": "", "source": ""},
		Header:   map[string]string{"Accept": "application/json"},
		Body:     BodyForm,
		Map: fields(
			from("first_name", "first_name"), from("last_name", "last_name"), from("email", "email"),
			from("phone_1", "phone", phoneAs("10")), from("address_1", "address"), from("city", "city"), from("state", "state"),
			from("postal_code", "zip"), from("ip_address", "ip"), from("trustedform_cert_url", "trustedform_url"),
			from("universal_leadid", "leadid"), from("reference", "key"),
		),
		Answer: Rules{
			Accepted: `status in [200, 201] && is("outcome", "success")`,
			ID:       `at("lead.id", "id")`,
			Price:    `at("price", "lead.price")`,
			Reason:   `at("reason", "message")`,
			Retry:    `is("status", "429")`,
			Wait:     `at("retry_after")`,
		},
	}
}

// boberdoo posts by form: with the id of the ping where there was one, else in
// full at once.
func boberdoo() Exchange {
	ping := mapping.Condition{Field: "ping_id", Op: "present"}
	post, full := static("Mode", "post"), static("Mode", "full")
	post.When = []mapping.Condition{ping}
	return Exchange{
		URL: "{{url}}", Settings: map[string]string{"url": "", "type": "", "src": ""},
		Body: BodyForm,
		Auth: Auth{Kind: AuthField, Name: "Key"},
		Map: fields(
			static("API_Action", "pingPostLead"), post, full, static("Format", "JSON"), setting("TYPE", "type"), setting("SRC", "src"),
			from("Lead_ID", "ping_id"), from("First_Name", "first_name"), from("Last_Name", "last_name"), from("Email", "email"),
			from("Primary_Phone", "phone", phoneAs("10")), from("Address", "address"), from("City", "city"), from("State", "state"),
			from("Zip", "zip"), from("IP_Address", "ip"), from("TrustedForm_URL", "trustedform_url"), from("LeadiD_Token", "leadid"),
		),
		Answer: Rules{
			Accepted: `status == 200 && lower(at("status", "response.status")) in ["matched", "success"]`,
			ID:       `at("lead_id", "response.lead_id")`,
			Price:    `at("price", "response.price", "process_information.best_bid", "response.process_information.best_bid")`,
			Reason: `at("error", "response.error", "process_information.unmatched_reason", ` +
				`"response.process_information.unmatched_reason", "status", "response.status")`,
		},
	}
}

// leadspedia posts to a campaign; anything but success is a reject.
func leadspedia() Exchange {
	return Exchange{
		URL:      "{{base}}/post.do",
		Settings: map[string]string{"base": "", "campaign_id": ""},
		Body:     BodyForm,
		Auth:     Auth{Kind: AuthField, Name: "lp_campaign_key"},
		Map: fields(
			setting("lp_campaign_id", "campaign_id"), static("lp_response", "JSON"), from("lp_ping_id", "ping_id"),
			from("first_name", "first_name"), from("last_name", "last_name"), from("email_address", "email"),
			from("phone_home", "phone", phoneAs("10")), from("address", "address"), from("city", "city"), from("state", "state"),
			from("zip_code", "zip"), from("ip_address", "ip"), from("tcpa_text", "consent_text"), from("vendor_lead_id", "key"),
			from("trusted_form_cert_url", "trustedform_url"), from("jornaya_lead_id", "leadid"),
		),
		Answer: Rules{
			Accepted: `status == 200 && is("result", "success")`,
			ID:       `at("lead_id", "ping_id")`,
			Price:    `at("price")`,
			Reason:   `at("errors.0.error", "errors.error", "msg", "result")`,
		},
	}
}
