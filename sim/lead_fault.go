package sim

import (
	"maps"
	"slices"
)

// LeadFault is how a lead buyer misbehaves. Each says whether the lead was taken
// all the same, because that is what a sender cannot see.
type LeadFault string

// The faults. "Kept" means that the buyer took the lead and will pay for it.
const (
	LeadFaultNone LeadFault = ""

	// Refusals by status; nothing is kept.

	LeadFault400 LeadFault = "400" // Bad Request: the request is malformed
	LeadFault401 LeadFault = "401" // Unauthorized: it does not know the sender
	LeadFault403 LeadFault = "403" // Forbidden: the sender may not
	LeadFault404 LeadFault = "404" // Not Found: nobody takes leads there
	LeadFault409 LeadFault = "409" // Conflict: it has the lead from elsewhere
	LeadFault422 LeadFault = "422" // Unprocessable: a field is not sound
	LeadFault429 LeadFault = "429" // Too Many Requests, Retry-After: 1

	// Failures by status.

	LeadFault500      LeadFault = "500"       // broken; not kept
	LeadFault502      LeadFault = "502"       // a gateway's page: the house behind is unreachable; not kept
	LeadFault503      LeadFault = "503"       // Retry-After: 1; not kept
	LeadFault503Plain LeadFault = "503-plain" // without a word when to come again; not kept
	LeadFault504      LeadFault = "504"       // a gateway's page: the house behind took too long; kept

	// Statuses that say the opposite of the body.

	LeadFaultPaid500   LeadFault = "accepted-500" // 500 beside an answer that accepts; kept
	LeadFaultRefuse200 LeadFault = "rejected-200" // 200 beside a refusal; not kept

	// Answers that are lost, or arrive in part.

	LeadFaultTimeout  LeadFault = "timeout"     // a sound answer after 30 s; kept
	LeadFaultDrop     LeadFault = "drop"        // reset before any answer; not kept
	LeadFaultReset    LeadFault = "reset"       // reset before any answer; kept
	LeadFaultCut      LeadFault = "cut"         // status and half of the body, then a reset; kept
	LeadFaultCutAfter LeadFault = "cut-after"   // the whole answer, then a reset; kept
	LeadFaultLying    LeadFault = "lying"       // Content-Length promises more than comes; kept
	LeadFaultChunks   LeadFault = "chunked-lie" // the framing of the chunks is broken; kept
	LeadFaultEndless  LeadFault = "endless"     // half of the answer, then a space now and then, for ever; kept

	// Answers that are more than they should be; kept.

	LeadFaultHuge     LeadFault = "huge"     // 16 MB of JSON, the verdict at its end
	LeadFaultHeaders  LeadFault = "headers"  // a sound answer behind 1 MB of headers
	LeadFaultGzip     LeadFault = "gzip"     // a compressed answer that grows to 1 GB
	LeadFaultEntities LeadFault = "entities" // XML whose document type holds entities that grow to 10 GB

	// Answers that are something else.

	LeadFaultPage         LeadFault = "page"          // 200 with an HTML page that tells of an error; not kept
	LeadFaultEmpty        LeadFault = "empty"         // 200 and nothing; not kept
	LeadFaultGarbage      LeadFault = "garbage"       // called JSON, and is none; not kept
	LeadFaultRedirect     LeadFault = "redirect"      // 302 to a private address; not kept
	LeadFaultRedirectLoop LeadFault = "redirect-loop" // 307 to itself; not kept

	// Sound answers that are easily misread; kept.

	LeadFaultLatin1     LeadFault = "latin1"            // ISO-8859-1 with accents, and the header says so
	LeadFaultUndeclared LeadFault = "latin1-undeclared" // the same, and the header does not
	LeadFaultDouble     LeadFault = "double"            // the key status twice: rejected, then accepted
	LeadFaultStrings    LeadFault = "strings"           // {"accepted":"true","price":"12.5"}: everything a string
)

// faultFacts is what a fault comes to.
type faultFacts struct {
	status int  // shown to the sender; 0 = none
	kept   bool // the lead is taken
}

// leadFaults returns what each fault comes to.
func leadFaults() map[LeadFault]faultFacts {
	return map[LeadFault]faultFacts{
		LeadFault400: {400, false}, LeadFault401: {401, false}, LeadFault403: {403, false}, LeadFault404: {404, false},
		LeadFault409: {409, false}, LeadFault422: {422, false}, LeadFault429: {429, false},
		LeadFault500: {500, false}, LeadFault502: {502, false}, LeadFault503: {503, false}, LeadFault503Plain: {503, false},
		LeadFault504: {504, true}, LeadFaultPaid500: {500, true}, LeadFaultRefuse200: {200, false},
		LeadFaultTimeout: {200, true}, LeadFaultDrop: {0, false}, LeadFaultReset: {0, true}, LeadFaultCut: {200, true},
		LeadFaultCutAfter: {200, true}, LeadFaultLying: {200, true}, LeadFaultChunks: {200, true}, LeadFaultEndless: {200, true},
		LeadFaultHuge: {200, true}, LeadFaultHeaders: {200, true}, LeadFaultGzip: {200, true}, LeadFaultEntities: {200, true},
		LeadFaultPage: {200, false}, LeadFaultEmpty: {200, false}, LeadFaultGarbage: {200, false},
		LeadFaultRedirect: {302, false}, LeadFaultRedirectLoop: {307, false},
		LeadFaultLatin1: {200, true}, LeadFaultUndeclared: {200, true}, LeadFaultDouble: {200, true}, LeadFaultStrings: {200, true},
	}
}

// LeadFaults returns all faults, in the order of their names.
func LeadFaults() []LeadFault { return slices.Sorted(maps.Keys(leadFaults())) }

// chaosFaults are what a buyer in chaos meets: before the lead was kept, and
// after. None of them takes long, and several look the same from outside.
func chaosFaults() (before, after []LeadFault) {
	return []LeadFault{LeadFault429, LeadFault500, LeadFault502, LeadFault503, LeadFault503Plain, LeadFaultDrop, LeadFaultDrop},
		[]LeadFault{LeadFault504, LeadFaultPaid500, LeadFaultReset, LeadFaultReset, LeadFaultCut, LeadFaultLying, LeadFaultChunks}
}
