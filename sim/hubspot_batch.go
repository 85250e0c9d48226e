package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// maxBatch is how many contacts one request may hold.
const maxBatch = 100

// hubSpotBatch is the answer to a batch. Its errors are there where some inputs
// were refused, and then the status is 207.
type hubSpotBatch struct {
	Status    string          `json:"status"`
	Results   []hubSpotResult `json:"results"`
	NumErrors int             `json:"numErrors,omitempty"`
	Errors    []hubSpotError  `json:"errors,omitempty"`
	Started   time.Time       `json:"startedAt"`
	Completed time.Time       `json:"completedAt"`
}

// upsert is the batch that finds contacts by e-mail address or another unique
// property. An input that is refused takes the others with it, unless each input
// carries an objectWriteTraceId of its own.
func (h *HubSpot) upsert(w http.ResponseWriter, r *http.Request) hubSpotAnswer {
	started := time.Now().UTC()
	var batch struct{ Inputs []hubSpotInput }
	body, err := readBody(w, r, maxBatch*maxLeadBytes)
	if err != nil || json.Unmarshal(body, &batch) != nil {
		return unreadHubSpot()
	}
	if n := len(batch.Inputs); n == 0 || n > maxBatch {
		return hubSpotRefusal(400, "VALIDATION_ERROR", fmt.Sprintf("A batch holds 1 to %d inputs, not %d", maxBatch, n))
	}
	for i := range batch.Inputs {
		batch.Inputs[i].read()
	}
	traced, twice := signs(batch.Inputs)
	if twice != "" {
		return hubSpotRefusal(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input: "+twice)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !traced { // all or nothing
		for _, in := range batch.Inputs {
			if wrong := h.refuses(in); wrong != nil {
				return hubSpotAnswer{status: http.StatusBadRequest, body: *wrong}
			}
		}
	}
	out := hubSpotBatch{Status: "COMPLETE", Results: []hubSpotResult{}, Started: started}
	for _, in := range batch.Inputs {
		if wrong := h.refuses(in); wrong != nil {
			wrong.Context = map[string]any{"objectWriteTraceId": []string{in.Trace}}
			out.Errors = append(out.Errors, *wrong)
			continue
		}
		found := h.unique[[2]string{in.IDProperty, strings.ToLower(in.ID)}]
		if in.properties[in.IDProperty] == "" {
			in.properties[in.IDProperty] = in.ID
		}
		created := found == nil
		result := h.save(found, in).result()
		result.New, result.Trace = &created, in.Trace
		out.Results = append(out.Results, result)
	}
	out.Completed, out.NumErrors = time.Now().UTC(), len(out.Errors)
	a := hubSpotAnswer{status: http.StatusOK, body: out}
	if out.NumErrors > 0 {
		a.status = http.StatusMultiStatus
	}
	a.lost = len(out.Results) > 0 && takeOne(&h.lost)
	return a
}

// signs reports whether each input has a trace of its own, and an id that stands
// in the batch twice.
func signs(inputs []hubSpotInput) (traced bool, twice string) {
	traces, ids := map[string]bool{}, map[[2]string]bool{}
	for _, in := range inputs {
		id := [2]string{in.IDProperty, strings.ToLower(in.ID)}
		if ids[id] {
			twice = in.ID
		}
		ids[id] = true
		if in.Trace != "" {
			traces[in.Trace] = true
		}
	}
	return len(traces) == len(inputs), twice
}

// refuses says what is wrong with an input, or nil; h.mu is held.
func (h *HubSpot) refuses(in hubSpotInput) *hubSpotError {
	refused := func(category, text string, errors ...hubSpotDetail) *hubSpotError {
		return &hubSpotError{Status: "error", Message: text, Correlation: ringbid.NewID(), Category: category, Errors: errors}
	}
	if in.ID == "" || !h.properties[in.IDProperty].unique {
		return refused("VALIDATION_ERROR", fmt.Sprintf("idProperty %q is not a unique property, or id is empty", in.IDProperty))
	}
	wrong := h.check(in.properties)
	if in.IDProperty == "email" && in.properties["email"] == "" {
		wrong = append(wrong, h.check(map[string]string{"email": in.ID})...)
	}
	if len(wrong) > 0 {
		return refused("VALIDATION_ERROR", "Property values were not valid: "+string(asJSON(wrong)), wrong...)
	}
	found := h.unique[[2]string{in.IDProperty, strings.ToLower(in.ID)}]
	if other := h.holder(in.properties, found); other != nil {
		return refused("CONFLICT", "A contact with that value exists already. Existing ID: "+other.ID)
	}
	if found == nil && len(h.contacts) >= maxContacts {
		return refused("VALIDATION_ERROR", "The account holds as many contacts as it may")
	}
	return nil
}
