package ringbid

import "time"

// Invite is what an incoming call says of itself when it arrives.
type Invite struct {
	CallID     string // ours, a NewID
	SIPCallID  string
	Trunk      string
	Source     string // address and port it came from
	Number     Phone  // the tracking number that was dialled
	Caller     Phone  // "" when withheld
	CallerName string
	Received   time.Time
	// Tags are facts from the signalling: user_to_user, attestation, and X-
	// headers as x_name.
	Tags TagMap
}

// Call is what is known of one call: filled while it runs, stored when it is
// over.
type Call struct {
	ID          string `json:"id"`
	Node        string `json:"node"`
	State       State  `json:"state"`
	Trunk       string `json:"trunk,omitempty"`
	SIPCallID   string `json:"sip_call_id,omitempty"`
	Number      Phone  `json:"number"`
	Caller      Phone  `json:"caller"`
	CallerName  string `json:"caller_name,omitempty"`
	Campaign    string `json:"campaign,omitempty"`
	Publisher   string `json:"publisher,omitempty"`
	Flow        string `json:"flow,omitempty"`
	FlowVersion int    `json:"flow_version,omitempty"`

	Received  time.Time  `json:"received"`
	Answered  *time.Time `json:"answered,omitempty"`
	Connected *time.Time `json:"connected,omitempty"` // the buyer's answer, or the accept key
	Ended     *time.Time `json:"ended,omitempty"`

	Outcome Outcome `json:"outcome,omitempty"`
	Reason  Reason  `json:"reason"`
	EndedBy string  `json:"ended_by,omitempty"` // "caller", "buyer", "ringbid"

	Tags    TagMap   `json:"tags,omitempty"`
	Steps   []Step   `json:"steps,omitempty"`
	Consent *Consent `json:"consent,omitempty"`
	Legs    []Leg    `json:"legs,omitempty"`
	Auction *Auction `json:"auction,omitempty"`

	Buyer  string `json:"buyer,omitempty"`
	Target string `json:"target,omitempty"`
	// ConnectedMS is how long the buyer was connected, in milliseconds of the
	// monotonic clock.
	ConnectedMS int64      `json:"connected_ms"`
	Sale        Sale       `json:"sale"`
	Recording   *Recording `json:"recording,omitempty"`
	Events      []Event    `json:"events,omitempty"`
}

// State is whether a call is still up.
type State string

// The states of a call.
const (
	StateLive  State = "live"
	StateEnded State = "ended"
)

// Outcome is how a call ended, for reports.
type Outcome string

// The outcomes.
const (
	OutcomeBridged   Outcome = "bridged"   // caller and buyer talked
	OutcomeAbandoned Outcome = "abandoned" // the caller hung up before
	OutcomeNoBuyer   Outcome = "no_buyer"  // nobody took it
	OutcomeRejected  Outcome = "rejected"  // we refused it
	OutcomeEnded     Outcome = "ended"     // the flow ended it (closed, failed questions)
	OutcomeVoicemail Outcome = "voicemail"
	OutcomeFailed    Outcome = "failed" // our fault
	OutcomeLost      Outcome = "lost"   // the node died
)

// Fault says whose doing an end was.
type Fault string

// The faults.
const (
	FaultNone   Fault = "none"   // ordinary end
	FaultCaller Fault = "caller" // caller's side
	FaultBuyer  Fault = "buyer"  // buyer's side
	FaultTrunk  Fault = "trunk"  // a carrier's side
	FaultConfig Fault = "config" // the operator's documents
	FaultOurs   Fault = "ours"
)

// Reason classifies an end once, for the SIP answer, the log, the metric and
// the report. Code is stable and from a small set ("unknown_number",
// "node_lost", "buyer_hung_up"); Text is for people.
type Reason struct {
	Code  string `json:"code"`
	Text  string `json:"text,omitempty"`
	Fault Fault  `json:"fault,omitempty"`
	SIP   int    `json:"sip,omitempty"`  // status sent or received
	Q850  int    `json:"q850,omitempty"` // ITU-T Q.850 cause
}

// Step is one node of the flow as the caller went through it.
type Step struct {
	Node   string    `json:"node"`
	Type   NodeType  `json:"type"`
	At     time.Time `json:"at"`
	MS     int64     `json:"ms"`
	Answer string    `json:"answer,omitempty"` // digits, masked where secret
	Tries  int       `json:"tries,omitempty"`
	Edge   string    `json:"edge,omitempty"` // the way out that was taken
}

// Consent is what the caller was told about recording.
type Consent struct {
	Policy  string    `json:"policy"` // announce, silent, off
	State   string    `json:"state,omitempty"`
	Prompt  string    `json:"prompt,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Through bool      `json:"through"` // played to its end
}

// Leg is one SIP dialog of a call, as it went.
type Leg struct {
	ID        string     `json:"id"`
	Side      string     `json:"side"` // "caller" or "buyer"
	Name      string     `json:"name,omitempty"`
	Target    string     `json:"target,omitempty"`
	Trunk     string     `json:"trunk,omitempty"`
	Peer      string     `json:"peer,omitempty"` // host:port
	SIPCallID string     `json:"sip_call_id,omitempty"`
	Started   time.Time  `json:"started"`
	Ringing   *time.Time `json:"ringing,omitempty"`
	Answered  *time.Time `json:"answered,omitempty"`
	Ended     *time.Time `json:"ended,omitempty"`
	Status    int        `json:"status,omitempty"` // final SIP status
	Verdict   Verdict    `json:"verdict,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	EndedBy   string     `json:"ended_by,omitempty"`
	Codec     string     `json:"codec,omitempty"`
	// Transfers are those that the agent of the leg asked for, or that took the
	// leg over.
	Transfers []Transfer `json:"transfers,omitempty"`
	// Replaced is the leg whose part this one took over by a transfer.
	Replaced string    `json:"replaced,omitempty"`
	Media    Media     `json:"media"`
	Messages []Message `json:"messages,omitempty"`
}

// Media is what a leg's audio looked like.
type Media struct {
	Local       string  `json:"local,omitempty"`
	Remote      string  `json:"remote,omitempty"`
	PacketsIn   uint64  `json:"packets_in"`
	PacketsOut  uint64  `json:"packets_out"`
	Lost        uint64  `json:"lost"`
	JitterMS    float64 `json:"jitter_ms"`
	Stray       uint64  `json:"stray,omitempty"` // packets from strangers, dropped
	Digits      uint64  `json:"digits,omitempty"`
	RoundTripMS float64 `json:"round_trip_ms,omitempty"`
	SRTP        string  `json:"srtp,omitempty"`   // the crypto suite, "" for plain RTP
	Forged      uint64  `json:"forged,omitempty"` // SRTP packets with a wrong tag or seen before, dropped
	// In is what we received of the peer. Out is what the peer reports of what we
	// sent (RTCP), zero if it reports nothing.
	In  Quality `json:"in,omitzero"`
	Out Quality `json:"out,omitzero"`
}

// Quality is how one direction of a leg's audio sounded, from packets alone.
type Quality struct {
	Packets     uint64  `json:"packets"` // that should have come
	Lost        uint64  `json:"lost"`
	LossPercent float64 `json:"loss_percent"`  // 0 to 100
	JitterMS    float64 `json:"jitter_ms"`     // mean
	JitterMaxMS float64 `json:"jitter_max_ms"` // highest
	// MOS is the opinion a listener would have, 1.0 to 4.5, by the E-model of
	// ITU-T G.107 from loss, its burstiness, delay and codec; 0 is not known.
	MOS float64 `json:"mos"`
}

// Word returns how a MOS sounds: "good" from 4.0, "fair" from 3.6 (where ITU-T
// G.109 has many users dissatisfied below), "poor", or "" where it is not known.
func (q Quality) Word() string {
	switch {
	case q.MOS <= 0:
		return ""
	case q.MOS >= 4.0:
		return "good"
	case q.MOS >= 3.6:
		return "fair"
	}
	return "poor"
}

// Message is one line of a leg's SIP ladder.
type Message struct {
	At   time.Time `json:"at"`
	Sent bool      `json:"sent"`
	Text string    `json:"text"` // "INVITE", "180 Ringing"
	CSeq string    `json:"cseq,omitempty"`
	Size int       `json:"size"` // bytes
}

// Recording is a call's sound: two channels, the caller left, the agent and
// the prompts right.
type Recording struct {
	ID       string    `json:"id"`
	Path     string    `json:"path"`          // local file
	URL      string    `json:"url,omitempty"` // where it was uploaded to
	Started  time.Time `json:"started"`
	MS       int64     `json:"ms"`
	Bytes    int64     `json:"bytes"`
	Channels int       `json:"channels"`
	SHA256   string    `json:"sha256"`
	Dropped  int64     `json:"dropped,omitempty"` // samples lost to a slow disk
}

// Sale is the money of a call and the rule that made it.
type Sale struct {
	Currency  string `json:"currency,omitempty"`
	Price     Money  `json:"price"`   // what the winner bid
	Revenue   Money  `json:"revenue"` // what the buyer pays
	Payout    Money  `json:"payout"`  // what the publisher earns
	Converted bool   `json:"converted"`
	Rule      string `json:"rule,omitempty"`
}

// Margin returns revenue less payout.
func (s Sale) Margin() Money { return s.Revenue - s.Payout }
