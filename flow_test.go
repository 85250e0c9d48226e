package ringbid_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"

	"github.com/google/go-cmp/cmp"
)

// everyNode is a sound flow with a node of each type.
func everyNode() *ringbid.Flow {
	return &ringbid.Flow{Name: "every", Title: "Every node", Start: "hours", Nodes: []ringbid.Node{
		{ID: "hours", Type: ringbid.NodeHours, Zone: "America/New_York", Hours: ringbid.Hours{{Days: "mon-fri", From: "09:00", To: "17:00"}}, Next: "say", Closed: "mail"},
		{ID: "say", Type: ringbid.NodeDisclose, Prompt: "recorded", Next: "split"},
		{ID: "split", Type: ringbid.NodeSplit, Cases: []ringbid.Case{{Percent: 30, Next: "menu"}, {Percent: 70, Next: "zip"}}, Next: "zip"},
		{ID: "menu", Type: ringbid.NodeMenu, Prompt: "menu", Tag: "kind", Choices: ringbid.KeyMap{"1": "zip", "*": "menu"}, Failed: "bye"},
		{ID: "zip", Type: ringbid.NodeGather, Prompt: "zip", Tag: "zip", Validate: "zip", Retries: 3, RetryPrompt: "again", Next: "mark", Failed: "bye"},
		{ID: "mark", Type: ringbid.NodeSet, Set: ringbid.TagMap{"asked": "yes"}, Next: "open"},
		{ID: "open", Type: ringbid.NodeAuction, Next: "branch"},
		{ID: "branch", Type: ringbid.NodeBranch, Cases: []ringbid.Case{{If: "has(zip)", Next: "one"}}, Next: "bye"},
		{ID: "one", Type: ringbid.NodePlay, Prompt: "one", BargeIn: true, Next: "connect"},
		{ID: "connect", Type: ringbid.NodeDial, Prompt: "music", None: "mail"},
		{ID: "mail", Type: ringbid.NodeVoicemail, Prompt: "mail", MaxLength: ringbid.Duration(time.Minute), Next: "bye"},
		{ID: "bye", Type: ringbid.NodeHangup, Prompt: "bye", Code: 480},
	}}
}

func texts(problems []ringbid.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Path+": "+p.Text)
	}
	return out
}

func TestFlowSound(t *testing.T) {
	t.Parallel()
	if got := texts(everyNode().Validate()); len(got) > 0 {
		t.Errorf("problems %q", got)
	}
}

// TestFlowUnsound changes one thing in a sound flow and expects one problem.
func TestFlowUnsound(t *testing.T) {
	t.Parallel()
	at := func(id string) int {
		return slices.IndexFunc(everyNode().Nodes, func(n ringbid.Node) bool { return n.ID == id })
	}
	node := func(id string, change func(n *ringbid.Node)) func(f *ringbid.Flow) {
		return func(f *ringbid.Flow) { change(&f.Nodes[at(id)]) }
	}
	add := func(n ringbid.Node) func(f *ringbid.Flow) {
		return func(f *ringbid.Flow) { f.Nodes = append(f.Nodes, n) }
	}
	zip, menu, split, branch := at("zip"), at("menu"), at("split"), at("branch")
	for want, change := range map[string]func(f *ringbid.Flow){
		`name: "Every" is not a name: 1 to 64 lower-case letters, digits, dots, dashes and underscores`: func(f *ringbid.Flow) { f.Name = "Every" },
		`start: "nowhere" is not a node of this flow`:                                                   func(f *ringbid.Flow) { f.Start = "nowhere" },
		`start: "" is not a node of this flow`:                                                          func(f *ringbid.Flow) { f.Start = "" },
		`max_steps: 10001 is not between 0 and 10000`:                                                   func(f *ringbid.Flow) { f.MaxSteps = 10_001 },
		`nodes[12]: "island" is reached from nowhere`:                                                   add(ringbid.Node{ID: "island", Type: ringbid.NodeHangup}),
		`nodes[12].id: "zip" stands twice`:                                                              add(ringbid.Node{ID: "zip", Type: ringbid.NodeHangup}),
		`nodes[12].id: "a b" is not a node id: letters, digits, dashes and underscores`:                 add(ringbid.Node{ID: "a b", Type: ringbid.NodeHangup}),
		`nodes[12].type: "dance" is not a node type`:                                                    add(ringbid.Node{ID: "x", Type: "dance"}),
		`nodes[8].next: is missing`:                                                                     node("one", func(n *ringbid.Node) { n.Next = "" }),
		`nodes[8].next: "nowhere" is not a node of this flow`:                                           node("one", func(n *ringbid.Node) { n.Next = "nowhere" }),
		`nodes[8].prompt: is missing`:                                                                   node("one", func(n *ringbid.Node) { n.Prompt = "" }),
		`nodes[8].tag: is not read by a play node`:                                                      node("one", func(n *ringbid.Node) { n.Tag = "x" }),
		`nodes[8].secret: is not read by a play node`:                                                   node("one", func(n *ringbid.Node) { n.Secret = true }),
		`nodes[11].next: is not read by a hangup node`:                                                  node("bye", func(n *ringbid.Node) { n.Next = "zip" }),
		`nodes[11].code: 200 is not a SIP status of 400 to 699`:                                         node("bye", func(n *ringbid.Node) { n.Code = 200 }),
		`nodes[10].max_length: 11m0s is not between 1s and 10m0s`:                                       node("mail", func(n *ringbid.Node) { n.MaxLength = ringbid.Duration(11 * time.Minute) }),
		`nodes[0].closed: is missing`:                                                                   node("hours", func(n *ringbid.Node) { n.Closed = "" }),
		`nodes[0].zone: "Mars/Olympus" is not an IANA time zone`:                                        node("hours", func(n *ringbid.Node) { n.Zone = "Mars/Olympus" }),
		`nodes[0].hours[0].days: "someday" is not days such as "mon-fri", "sat,sun" or "all"`:           node("hours", func(n *ringbid.Node) { n.Hours[0].Days = "someday" }),
		fmt.Sprintf(`nodes[%d].max: 33 is not between 0 and 32`, zip):                                   node("zip", func(n *ringbid.Node) { n.Max, n.Validate = 33, "number" }),
		fmt.Sprintf(`nodes[%d].max: 4 is less than min 5`, zip):                                         node("zip", func(n *ringbid.Node) { n.Min, n.Max = 5, 4 }),
		fmt.Sprintf(`nodes[%d].validate: zip has 5 digits, and 0 to 4 are taken`, zip):                  node("zip", func(n *ringbid.Node) { n.Max = 4 }),
		fmt.Sprintf(`nodes[%d].validate: zip has 5 digits, and 6 to 6 are taken`, zip):                  node("zip", func(n *ringbid.Node) { n.Min = 6 }),
		fmt.Sprintf(`nodes[%d].validate: date_of_birth has 8 digits, and 6 to 6 are taken`, zip):        node("zip", func(n *ringbid.Node) { n.Validate, n.Min = "date_of_birth", 6 }),
		fmt.Sprintf(`nodes[%d].validate: phone has 10 digits, and 7 to 7 are taken`, zip):               node("zip", func(n *ringbid.Node) { n.Validate, n.Min = "phone", 7 }),
		fmt.Sprintf(`nodes[%d].validate: "shoe" is not zip, date_of_birth, phone or number`, zip):       node("zip", func(n *ringbid.Node) { n.Validate = "shoe" }),
		fmt.Sprintf(`nodes[%d].tag: "" is not a tag name`, zip):                                         node("zip", func(n *ringbid.Node) { n.Tag = "" }),
		fmt.Sprintf(`nodes[%d].failed: is missing`, zip):                                                node("zip", func(n *ringbid.Node) { n.Failed = "" }),
		fmt.Sprintf(`nodes[%d].terminator: "1" is not # or *`, zip):                                     node("zip", func(n *ringbid.Node) { n.Terminator = "1" }),
		fmt.Sprintf(`nodes[%d].retries: 10 is not between 0 and 9`, zip):                                node("zip", func(n *ringbid.Node) { n.Retries = 10 }),
		fmt.Sprintf(`nodes[%d].first_timeout: 2m0s is not between 500ms and 1m0s`, zip):                 node("zip", func(n *ringbid.Node) { n.FirstTimeout = ringbid.Duration(2 * time.Minute) }),
		fmt.Sprintf(`nodes[%d].digit_timeout: 1ms is not between 500ms and 1m0s`, zip):                  node("zip", func(n *ringbid.Node) { n.DigitTimeout = ringbid.Duration(time.Millisecond) }),
		fmt.Sprintf(`nodes[%d].choices: "12" is not a key of 0-9, * or #`, menu):                        node("menu", func(n *ringbid.Node) { n.Choices["12"] = "zip" }),
		fmt.Sprintf(`nodes[%d].choices: key "2" leads nowhere`, menu):                                   node("menu", func(n *ringbid.Node) { n.Choices["2"] = "" }),
		fmt.Sprintf(`nodes[%d].choices.1: "nowhere" is not a node of this flow`, menu):                  node("menu", func(n *ringbid.Node) { n.Choices["1"] = "nowhere" }),
		fmt.Sprintf(`nodes[%d].failed: is missing`, menu):                                               node("menu", func(n *ringbid.Node) { n.Failed = "" }),
		fmt.Sprintf(`nodes[%d].cases: percents add up to 101`, split):                                   node("split", func(n *ringbid.Node) { n.Cases[0].Percent = 31 }),
		fmt.Sprintf(`nodes[%d].cases[1].percent: 0 is not between 1 and 100`, split):                    node("split", func(n *ringbid.Node) { n.Cases[1].Percent = 0 }),
		fmt.Sprintf(`nodes[%d].cases[1].next: "nowhere" is not a node of this flow`, split):             node("split", func(n *ringbid.Node) { n.Cases[1].Next = "nowhere" }),
		fmt.Sprintf(`nodes[%d].cases[0].if: is missing or longer than 1000 bytes`, branch):              node("branch", func(n *ringbid.Node) { n.Cases[0].If = "" }),
		fmt.Sprintf(`nodes[%d].cases[1].next: is missing`, branch): node("branch", func(n *ringbid.Node) {
			n.Cases = append(n.Cases, ringbid.Case{If: "true"})
		}),
	} {
		f := everyNode()
		change(f)
		if diff := cmp.Diff([]string{want}, texts(f.Validate())); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
}

func TestFlowSize(t *testing.T) {
	t.Parallel()
	if got := texts((&ringbid.Flow{Name: "x"}).Validate()); !slices.Contains(got, "nodes: needs 1 to 500 nodes") {
		t.Errorf("problems %q", got)
	}
	f := &ringbid.Flow{Name: "x", Start: "n0"}
	for i := range 501 {
		f.Nodes = append(f.Nodes, ringbid.Node{ID: fmt.Sprint("n", i), Type: ringbid.NodePlay, Prompt: "p", Next: fmt.Sprint("n", (i+1)%501)})
	}
	if diff := cmp.Diff([]string{"nodes: needs 1 to 500 nodes"}, texts(f.Validate())); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestFlowLoops: a loop is sound where every round of it takes the caller's
// time.
func TestFlowLoops(t *testing.T) {
	t.Parallel()
	set := func(id, next string) ringbid.Node {
		return ringbid.Node{ID: id, Type: ringbid.NodeSet, Set: ringbid.TagMap{"a": "b"}, Next: next}
	}
	for name, c := range map[string]struct {
		nodes []ringbid.Node
		want  []string
	}{
		"itself": {[]ringbid.Node{set("a", "a")}, []string{`nodes[0]: "a" loops without ever asking the caller`}},
		"two": {[]ringbid.Node{set("a", "b"), set("b", "a")}, []string{
			`nodes[0]: "a" loops without ever asking the caller`, `nodes[1]: "b" loops without ever asking the caller`,
		}},
		"behind a question": {[]ringbid.Node{
			{ID: "q", Type: ringbid.NodeMenu, Prompt: "p", Choices: ringbid.KeyMap{"1": "a"}, Failed: "end"}, set("a", "q"), {ID: "end", Type: ringbid.NodeHangup},
		}, nil},
		"a loop beside a question": {[]ringbid.Node{
			{ID: "q", Type: ringbid.NodeMenu, Prompt: "p", Choices: ringbid.KeyMap{"1": "a"}, Failed: "end"},
			{ID: "a", Type: ringbid.NodeSplit, Cases: []ringbid.Case{{Percent: 1, Next: "b"}}, Next: "q"}, set("b", "a"), {ID: "end", Type: ringbid.NodeHangup},
		}, []string{`nodes[1]: "a" loops without ever asking the caller`, `nodes[2]: "b" loops without ever asking the caller`}},
		"spoken": {[]ringbid.Node{{ID: "p", Type: ringbid.NodePlay, Prompt: "p", Next: "p"}}, nil},
		// A call is auctioned once, so that the second round would take no time.
		"dialling again": {[]ringbid.Node{{ID: "d", Type: ringbid.NodeDial, None: "d"}}, []string{`nodes[0]: "d" loops without ever asking the caller`}},
		"dialling again, politely": {[]ringbid.Node{
			{ID: "d", Type: ringbid.NodeDial, None: "p"}, {ID: "p", Type: ringbid.NodePlay, Prompt: "p", Next: "d"},
		}, nil},
		"a way into a loop is none": {[]ringbid.Node{set("in", "a"), set("a", "a")}, []string{`nodes[1]: "a" loops without ever asking the caller`}},
	} {
		f := &ringbid.Flow{Name: "loop", Start: c.nodes[0].ID, Nodes: c.nodes}
		if diff := cmp.Diff(c.want, texts(f.Validate())); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", name, diff)
		}
	}
}

// TestFlowLargest holds that the largest flow there may be, each node leading
// to a hundred others, is checked in a moment.
func TestFlowLargest(t *testing.T) {
	t.Parallel()
	f := &ringbid.Flow{Name: "large", Start: "n0"}
	for i := range 500 {
		n := ringbid.Node{ID: fmt.Sprint("n", i), Type: ringbid.NodeSplit, Next: "n0"}
		for j := range 100 {
			n.Cases = append(n.Cases, ringbid.Case{Percent: 1, Next: fmt.Sprint("n", (i+j+1)%500)})
		}
		f.Nodes = append(f.Nodes, n)
	}
	began := time.Now()
	if got := len(f.Validate()); got != 500 {
		t.Errorf("%d problems, want a loop at each of 500 nodes", got)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestFlowReferences(t *testing.T) {
	t.Parallel()
	_, problems := ringbid.NewBook([]ringbid.Document{everyNode()})
	var missing []string
	for _, p := range problems {
		missing = append(missing, p.Path+" "+p.Text)
	}
	want := []string{
		"nodes[1].prompt there is no Prompt/recorded", "nodes[3].prompt there is no Prompt/menu", "nodes[4].prompt there is no Prompt/zip",
		"nodes[4].retry_prompt there is no Prompt/again", "nodes[8].prompt there is no Prompt/one", "nodes[9].prompt there is no Prompt/music",
		"nodes[10].prompt there is no Prompt/mail", "nodes[11].prompt there is no Prompt/bye",
	}
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestNodeEdges(t *testing.T) {
	t.Parallel()
	f := everyNode()
	for id, want := range map[string][]ringbid.Edge{
		"hours":   {{"closed", "mail", "closed"}, {"", "say", "next"}},
		"menu":    {{"1", "zip", "choices.1"}, {"*", "menu", "choices.*"}, {"failed", "bye", "failed"}},
		"split":   {{"30 %", "menu", "cases[0].next"}, {"70 %", "zip", "cases[1].next"}, {"", "zip", "next"}},
		"branch":  {{"has(zip)", "one", "cases[0].next"}, {"", "bye", "next"}},
		"connect": {{"nobody", "mail", "none"}},
		"bye":     nil,
	} {
		n, ok := f.Node(id)
		if !ok {
			t.Fatalf("no node %s", id)
		}
		if diff := cmp.Diff(want, n.Edges()); diff != "" {
			t.Errorf("edges of %s (-want +got):\n%s", id, diff)
		}
	}
	if _, ok := f.Node("nowhere"); ok {
		t.Error("found a node that is not there")
	}
}

// FuzzFlow reads any document as a flow. Checking it must end without a panic
// and say the same twice; in a sound one, all ways lead to nodes and nobody can
// walk on for ever without being spoken to.
func FuzzFlow(f *testing.F) {
	sound, err := json.Marshal(everyNode())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound)
	for _, s := range []string{
		`{}`, `{"name":"x","start":"a","nodes":[{"id":"a","type":"set","next":"a"}]}`,
		`{"name":"x","start":"a","nodes":[{"id":"a","type":"dial","none":"a"}]}`,
		`{"name":"x","start":"a","nodes":[{"id":"a","type":"play","prompt":"p","next":"a"}]}`,
		`{"name":"x","start":"a","nodes":[{"id":"a","type":"menu","choices":{"1":"a","":"","99":"b"},"failed":"a"}]}`,
		`{"name":"x","start":"a","nodes":[{"id":"a","type":"hours","zone":"Local","hours":[{"days":"-","from":"","to":"99:99"}],"closed":"a"}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var flow ringbid.Flow
		if len(doc) > 1<<16 || json.Unmarshal(doc, &flow) != nil {
			return
		}
		problems := flow.Validate()
		again := flow.Validate()
		slices.SortFunc(problems, func(a, b ringbid.Problem) int { return strings.Compare(a.String(), b.String()) })
		slices.SortFunc(again, func(a, b ringbid.Problem) int { return strings.Compare(a.String(), b.String()) })
		if diff := cmp.Diff(problems, again); diff != "" {
			t.Errorf("checked twice (-first +second):\n%s", diff)
		}
		if len(problems) == 0 {
			livable(t, &flow)
		}
	})
}

// livable walks a sound flow from every node, through silent nodes only.
func livable(t *testing.T, f *ringbid.Flow) {
	t.Helper()
	speaks := []ringbid.NodeType{ringbid.NodePlay, ringbid.NodeDisclose, ringbid.NodeGather, ringbid.NodeMenu, ringbid.NodeVoicemail}
	under, done := map[string]bool{}, map[string]bool{}
	var visit func(id string)
	visit = func(id string) {
		n, ok := f.Node(id)
		switch {
		case !ok:
			t.Fatalf("a way leads to %q, which is no node", id)
		case under[id]:
			t.Fatalf("from %q one can walk on for ever", id)
		case done[id] || slices.Contains(speaks, n.Type):
			return
		}
		under[id] = true
		for _, e := range n.Edges() {
			visit(e.To)
		}
		under[id], done[id] = false, true
	}
	for _, n := range f.Nodes {
		visit(n.ID)
		for _, e := range n.Edges() {
			visit(e.To)
		}
	}
}
