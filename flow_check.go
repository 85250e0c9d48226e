package ringbid

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// nodeFields says which optional fields each node type reads.
var nodeFields = map[NodeType]string{
	NodeDisclose:  "next prompt barge_in",
	NodePlay:      "next prompt barge_in",
	NodeGather:    "next prompt tag min max terminator first_timeout digit_timeout retries retry_prompt validate secret failed",
	NodeMenu:      "next prompt tag choices first_timeout retries retry_prompt failed",
	NodeHours:     "next zone hours closed",
	NodeBranch:    "next cases",
	NodeSplit:     "next cases",
	NodeSet:       "next set",
	NodeAuction:   "next",
	NodeDial:      "next prompt none ring_through",
	NodeVoicemail: "next prompt max_length",
	NodeHangup:    "prompt code",
}

// given lists the optional fields that are set, by their document names.
func (n *Node) given() []string {
	var out []string
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"next", n.Next != ""}, {"prompt", n.Prompt != ""}, {"barge_in", n.BargeIn}, {"tag", n.Tag != ""},
		{"min", n.Min != 0}, {"max", n.Max != 0}, {"terminator", n.Terminator != ""}, {"first_timeout", n.FirstTimeout != 0},
		{"digit_timeout", n.DigitTimeout != 0}, {"retries", n.Retries != 0}, {"retry_prompt", n.RetryPrompt != ""},
		{"validate", n.Validate != ""}, {"secret", n.Secret}, {"failed", n.Failed != ""}, {"choices", len(n.Choices) > 0},
		{"zone", n.Zone != ""}, {"hours", len(n.Hours) > 0}, {"closed", n.Closed != ""}, {"cases", len(n.Cases) > 0},
		{"set", len(n.Set) > 0}, {"none", n.None != ""}, {"ring_through", n.RingThrough}, {"max_length", n.MaxLength != 0}, {"code", n.Code != 0},
	} {
		if f.set {
			out = append(out, f.name)
		}
	}
	return out
}

// Validate returns what is unsound in the flow: unknown nodes, fields a node
// does not read, nodes nobody reaches, and loops without a question in them,
// which a caller could never leave. Expressions are checked where they are run.
func (f *Flow) Validate() []Problem {
	c := check(f)
	c.name()
	c.that(len(f.Nodes) > 0 && len(f.Nodes) <= 500, "nodes", "needs 1 to 500 nodes")
	c.between("max_steps", f.MaxSteps, 0, 10_000)
	seen := map[string]bool{}
	for i := range f.Nodes {
		n, path := &f.Nodes[i], index("nodes", i)
		c.that(nodeForm.MatchString(n.ID), path+".id", "%.70q is not a node id: letters, digits, dashes and underscores", n.ID)
		c.that(!seen[n.ID], path+".id", "%q stands twice", n.ID)
		seen[n.ID] = true
		n.check(c, path)
	}
	c.that(seen[f.Start], "start", "%.70q is not a node of this flow", f.Start)
	for i := range f.Nodes {
		for _, e := range f.Nodes[i].Edges() {
			c.that(seen[e.To], index("nodes", i)+"."+e.Path, "%.70q is not a node of this flow", e.To)
		}
	}
	if len(c.problems) == 0 {
		f.checkPaths(c)
	}
	return c.problems
}

func (n *Node) check(c *checker, path string) {
	allowed, known := nodeFields[n.Type]
	if !known {
		c.addf(path+".type", "%.40q is not a node type", n.Type)
		return
	}
	reads := strings.Fields(allowed)
	for _, name := range n.given() {
		c.that(slices.Contains(reads, name), path+"."+name, "is not read by a %s node", n.Type)
	}
	c.that(n.Type == NodeHangup || n.Next != "" || n.Type == NodeDial || n.Type == NodeVoicemail || len(n.Choices) > 0, path+".next", "is missing")
	c.span(path+".first_timeout", n.FirstTimeout, Duration(500*time.Millisecond), Duration(time.Minute))
	c.span(path+".digit_timeout", n.DigitTimeout, Duration(500*time.Millisecond), Duration(time.Minute))
	c.span(path+".max_length", n.MaxLength, Duration(time.Second), Duration(10*time.Minute))
	c.between(path+".retries", n.Retries, 0, 9)
	if n.Tag != "" || n.Type == NodeGather {
		c.that(tagForm.MatchString(n.Tag), path+".tag", "%.70q is not a tag name", n.Tag)
	}
	n.Set.check(c, path+".set")
	n.Hours.check(c, path+".hours")
	if _, err := LoadZone(n.Zone); err != nil {
		c.addf(path+".zone", "%.60q is not an IANA time zone", n.Zone)
	}
	switch n.Type {
	case NodeDisclose, NodePlay, NodeMenu, NodeGather:
		c.that(n.Prompt != "", path+".prompt", "is missing")
	}
	switch n.Type {
	case NodeGather:
		n.checkGather(c, path)
	case NodeMenu:
		c.that(len(n.Choices) > 0, path+".choices", "is missing")
		for _, k := range slices.Sorted(maps.Keys(n.Choices)) {
			c.that(len(k) == 1 && strings.Contains("0123456789*#", k), path+".choices", "%.10q is not a key of 0-9, * or #", k)
			c.that(n.Choices[k] != "", path+".choices", "key %.10q leads nowhere", k)
		}
		c.that(n.Failed != "" || n.Next != "", path+".failed", "is missing")
	case NodeBranch, NodeSplit:
		n.checkCases(c, path)
	case NodeHours:
		c.that(n.Closed != "", path+".closed", "is missing")
	case NodeHangup:
		c.that(n.Code == 0 || n.Code >= 400 && n.Code <= 699, path+".code", "%d is not a SIP status of 400 to 699", n.Code)
	}
}

func (n *Node) checkGather(c *checker, path string) {
	c.between(path+".min", n.Min, 0, 32)
	c.between(path+".max", n.Max, 0, 32)
	c.that(n.Max == 0 || n.Max >= n.Min, path+".max", "%d is less than min %d", n.Max, n.Min)
	c.that(n.Terminator == "" || n.Terminator == "#" || n.Terminator == "*", path+".terminator", "%.10q is not # or *", n.Terminator)
	c.that(n.Failed != "", path+".failed", "is missing")
	switch n.Validate {
	case "", "number":
	case "zip":
		n.checkFits(c, path, 5)
	case "date_of_birth":
		n.checkFits(c, path, 8)
	case "phone":
		n.checkFits(c, path, 10)
	default:
		c.addf(path+".validate", "%.30q is not zip, date_of_birth, phone or number", n.Validate)
	}
}

// checkFits finds a question whose valid answer could never be keyed.
func (n *Node) checkFits(c *checker, path string, digits int) {
	least, most := n.Min, max(n.Min, n.Max)
	c.that(most == 0 || least <= digits && most >= digits, path+".validate", "%s has %d digits, and %d to %d are taken", n.Validate, digits, least, most)
}

func (n *Node) checkCases(c *checker, path string) {
	c.that(len(n.Cases) > 0 && len(n.Cases) <= 100, path+".cases", "needs 1 to 100 cases")
	total := 0
	for i, s := range n.Cases {
		at := index(path+".cases", i)
		c.that(s.Next != "", at+".next", "is missing")
		if n.Type == NodeSplit {
			c.that(s.Percent > 0 && s.Percent <= 100 && s.If == "", at+".percent", "%d is not between 1 and 100", s.Percent)
			total += s.Percent
			continue
		}
		c.that(s.If != "" && len(s.If) <= 1000 && s.Percent == 0, at+".if", "is missing or longer than 1000 bytes")
	}
	c.that(total <= 100, path+".cases", "percents add up to %d", total)
}

// checkPaths finds unreachable nodes and loops no caller can leave.
func (f *Flow) checkPaths(c *checker) {
	next := f.neighbours()
	for i := range f.Nodes {
		if f.Nodes[i].ID == f.Start {
			reached := walk(i, next, func(int) bool { return true })
			for j := range f.Nodes {
				c.that(reached[j] || j == i, index("nodes", j), "%q is reached from nowhere", f.Nodes[j].ID)
			}
		}
	}
	silent := func(i int) bool { return !f.Nodes[i].Type.takesTime() }
	for i := range f.Nodes {
		if silent(i) {
			c.that(!walk(i, next, silent)[i], index("nodes", i), "%q loops without ever asking the caller", f.Nodes[i].ID)
		}
	}
}

// neighbours lists, for each node, where its ways out lead to.
func (f *Flow) neighbours() [][]int {
	at := make(map[string]int, len(f.Nodes))
	for i := range f.Nodes {
		at[f.Nodes[i].ID] = i
	}
	out := make([][]int, len(f.Nodes))
	for i := range f.Nodes {
		for _, e := range f.Nodes[i].Edges() {
			if to := at[e.To]; !slices.Contains(out[i], to) {
				out[i] = append(out[i], to)
			}
		}
	}
	return out
}

// walk returns the nodes that are reached from one, going on from those that
// pass. The first counts only where a way leads back to it.
func walk(from int, next [][]int, pass func(int) bool) []bool {
	reached, open := make([]bool, len(next)), []int{from}
	for len(open) > 0 {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		for _, to := range next[i] {
			if !reached[to] {
				reached[to] = true
				if pass(to) {
					open = append(open, to)
				}
			}
		}
	}
	return reached
}

// takesTime reports whether a node speaks to the caller or waits for them. A
// dial does neither where no bid is left, and a call is auctioned once.
func (t NodeType) takesTime() bool {
	switch t {
	case NodeGather, NodeMenu, NodePlay, NodeDisclose, NodeVoicemail:
		return true
	}
	return false
}
