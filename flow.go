package ringbid

import (
	"regexp"
	"time"
)

// Flow is what a caller goes through: typed nodes, each naming the next.
// Publishing a flow makes a new version; the version used is kept on the call.
type Flow struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	Start string `json:"start"`
	Nodes []Node `json:"nodes"`
	// MaxSteps ends a caller who goes round and round; default 200.
	MaxSteps int `json:"max_steps,omitempty"`
}

// NodeType says what a node does.
type NodeType string

// The node types.
const (
	NodeDisclose  NodeType = "disclose"  // say that the call is recorded
	NodePlay      NodeType = "play"      // play a prompt
	NodeGather    NodeType = "gather"    // ask for digits into a tag
	NodeMenu      NodeType = "menu"      // one key decides
	NodeHours     NodeType = "hours"     // open or closed
	NodeBranch    NodeType = "branch"    // expressions over tags decide
	NodeSplit     NodeType = "split"     // a share of callers each way
	NodeSet       NodeType = "set"       // set tags
	NodeAuction   NodeType = "auction"   // open the auction; the flow goes on
	NodeDial      NodeType = "dial"      // take the award, dial, bridge
	NodeVoicemail NodeType = "voicemail" // record a message
	NodeHangup    NodeType = "hangup"    // say goodbye
)

// Node is one step of a flow. Which fields count depends on Type; Validate
// refuses the others.
type Node struct {
	ID   string   `json:"id"`
	Type NodeType `json:"type"`
	Next string   `json:"next,omitempty"`
	// Prompt names what is said; for dial it is what the caller hears while
	// the buyer rings (music; ringback without one).
	Prompt string `json:"prompt,omitempty"`
	// BargeIn lets a key stop a play or disclose prompt. Menus and gathers
	// always allow it. Keys pressed early are kept for the next question.
	BargeIn bool `json:"barge_in,omitempty"`

	// gather and menu
	Tag          string   `json:"tag,omitempty"`           // where the answer goes
	Min          int      `json:"min,omitempty"`           // digits, default 1; with neither, what Validate needs
	Max          int      `json:"max,omitempty"`           // digits, default Min, up to 32
	Terminator   string   `json:"terminator,omitempty"`    // "#" or "*"
	FirstTimeout Duration `json:"first_timeout,omitempty"` // default 5s
	DigitTimeout Duration `json:"digit_timeout,omitempty"` // default 3s
	Retries      int      `json:"retries,omitempty"`       // after the first try; default 2
	RetryPrompt  string   `json:"retry_prompt,omitempty"`
	Validate     string   `json:"validate,omitempty"` // "zip", "date_of_birth", "phone", "number"
	Secret       bool     `json:"secret,omitempty"`   // keep the digits out of logs, events and the recording
	Failed       string   `json:"failed,omitempty"`   // node after the last try
	Choices      KeyMap   `json:"choices,omitempty"`  // menu: key to node

	// hours
	Zone   string `json:"zone,omitempty"`
	Hours  Hours  `json:"hours,omitempty"`
	Closed string `json:"closed,omitempty"` // node when closed

	// branch and split
	Cases []Case `json:"cases,omitempty"`

	Set TagMap `json:"set,omitempty"` // set: values may hold {{tag}} tokens

	None string `json:"none,omitempty"` // dial: node when nobody takes the call
	// RingThrough, of a dial, leaves a caller whom no node answered before
	// unanswered until a buyer takes the call: the carrier's ringback is heard
	// instead of Prompt, and what the carrier bills begins with the talk. Nothing
	// can be announced to such a caller, who is recorded only where the campaign
	// says nothing ("silent").
	RingThrough bool `json:"ring_through,omitempty"`

	MaxLength Duration `json:"max_length,omitempty"` // voicemail, default 2m
	Code      int      `json:"code,omitempty"`       // hangup before the answer: SIP status
}

// KeyMap maps keys (0-9, *, #) to node ids.
type KeyMap map[string]string

// Case is one way out of a branch or a split.
type Case struct {
	If      string `json:"if,omitempty"`      // branch: expression over the tags
	Percent int    `json:"percent,omitempty"` // split: share of callers
	Next    string `json:"next"`
}

// Defaults of a flow.
const (
	DefaultMaxSteps     = 200
	DefaultFirstTimeout = 5 * time.Second
	DefaultDigitTimeout = 3 * time.Second
	DefaultRetries      = 2
	DefaultVoicemail    = 2 * time.Minute
)

var nodeForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// Key identifies the flow.
func (f *Flow) Key() Key { return Key{KindFlow, f.Name} }

func (f *Flow) refs(need func(string, Key)) {
	for i, n := range f.Nodes {
		if n.Prompt != "" {
			need(index("nodes", i)+".prompt", Key{KindPrompt, n.Prompt})
		}
		if n.RetryPrompt != "" {
			need(index("nodes", i)+".retry_prompt", Key{KindPrompt, n.RetryPrompt})
		}
	}
}

// Node returns the node with the id.
func (f *Flow) Node(id string) (*Node, bool) {
	for i := range f.Nodes {
		if f.Nodes[i].ID == id {
			return &f.Nodes[i], true
		}
	}
	return nil, false
}

// Edge is one way out of a node, for checks and drawings.
type Edge struct{ Label, To, Path string }

// Edges returns the ways out of the node, in document order.
func (n *Node) Edges() []Edge {
	var out []Edge
	add := func(label, to, path string) {
		if to != "" {
			out = append(out, Edge{label, to, path})
		}
	}
	for _, k := range "0123456789*#" {
		add(string(k), n.Choices[string(k)], "choices."+string(k))
	}
	for i, c := range n.Cases {
		label := c.If
		if n.Type == NodeSplit {
			label = itoa(c.Percent) + " %"
		}
		add(label, c.Next, index("cases", i)+".next")
	}
	add("closed", n.Closed, "closed")
	add("failed", n.Failed, "failed")
	add("nobody", n.None, "none")
	add("", n.Next, "next")
	return out
}
