package ringbid

import (
	"net/netip"
	"slices"
	"strings"
)

// Book is a checked, immutable set of documents: what the live parts read while
// calls run. Changing the configuration makes a new Book; nobody edits one.
type Book struct {
	// Revision grows with each published change.
	Revision int64
	// FlowVersions says which published version of each flow this Book holds.
	FlowVersions map[string]int

	Trunks     map[string]*Trunk
	Numbers    map[Phone]*Number
	Campaigns  map[string]*Campaign
	Flows      map[string]*Flow
	Buyers     map[string]*Buyer
	Targets    map[string]*Target
	Bidders    map[string]*Bidder
	Publishers map[string]*Publisher
	Prompts    map[string]*Prompt
	Users      map[string]*User
	Sources    map[string]*Source
	Methods    map[string]*Method
	Maps       map[string]*FieldMap
	Hooks      map[string]*Hook
	// MapVersions says which published version of each map this Book holds.
	MapVersions map[string]int
	// Accounts holds the trunks that take calls by digest, by username.
	Accounts map[string]*Trunk
}

// NewBook gathers documents and checks them together: each by itself, every
// reference, and that no name or number stands twice. The Book is usable only
// where no problems are returned.
func NewBook(docs []Document) (*Book, []Problem) {
	b := &Book{
		FlowVersions: map[string]int{},
		Trunks:       map[string]*Trunk{}, Numbers: map[Phone]*Number{}, Campaigns: map[string]*Campaign{},
		Flows: map[string]*Flow{}, Buyers: map[string]*Buyer{}, Targets: map[string]*Target{},
		Bidders: map[string]*Bidder{}, Publishers: map[string]*Publisher{}, Prompts: map[string]*Prompt{},
		Users: map[string]*User{}, Sources: map[string]*Source{}, Methods: map[string]*Method{},
		Maps: map[string]*FieldMap{}, Hooks: map[string]*Hook{}, MapVersions: map[string]int{},
		Accounts: map[string]*Trunk{},
	}
	var problems []Problem
	known := map[Key]bool{}
	for _, d := range docs {
		problems = append(problems, d.Validate()...)
		if known[d.Key()] {
			problems = append(problems, Problem{Key: d.Key(), Text: "stands twice"})
		}
		known[d.Key()] = true
		problems = append(problems, b.put(d)...)
	}
	for _, d := range docs {
		d.refs(func(path string, k Key) {
			if !known[k] {
				problems = append(problems, Problem{Key: d.Key(), Path: path, Text: "there is no " + k.String()})
			}
		})
	}
	return b, problems
}

func (b *Book) put(d Document) []Problem {
	switch d := d.(type) {
	case *Trunk:
		b.Trunks[d.Name] = d
		if user := d.Accept.Username; user != "" {
			if other, ok := b.Accounts[user]; ok && other.Key() != d.Key() {
				return []Problem{{Key: d.Key(), Path: "accept.username", Text: "is already that of " + other.Key().String()}}
			}
			b.Accounts[user] = d
		}
	case *Number:
		if other, ok := b.Numbers[d.Number]; ok && other.Key() != d.Key() {
			return []Problem{{Key: d.Key(), Path: "number", Text: "is already " + other.Key().String()}}
		}
		b.Numbers[d.Number] = d
	case *Campaign:
		b.Campaigns[d.Name] = d
	case *Flow:
		b.Flows[d.Name] = d
	case *Buyer:
		b.Buyers[d.Name] = d
	case *Target:
		b.Targets[d.Name] = d
	case *Bidder:
		b.Bidders[d.Name] = d
	case *Publisher:
		b.Publishers[d.Name] = d
	case *Prompt:
		b.Prompts[d.Name] = d
	case *User:
		b.Users[d.Name] = d
	case *Source:
		b.Sources[d.Name] = d
	case *Method:
		b.Methods[d.Name] = d
	case *FieldMap:
		b.Maps[d.Name] = d
	case *Hook:
		b.Hooks[d.Name] = d
	}
	return nil
}

// TrunkFrom returns the trunk that admits calls from the address; of several,
// the one first by name, one that asks for no proof before one that does.
func (b *Book) TrunkFrom(a netip.Addr) (*Trunk, bool) {
	var found *Trunk
	for _, t := range b.Trunks {
		if t.Admits(a) && (found == nil || t.before(found)) {
			found = t
		}
	}
	return found, found != nil
}

// TrunkAt returns the trunk whose calls go out to the host and port, the one
// first by name.
func (b *Book) TrunkAt(host string, port int) (*Trunk, bool) {
	var found *Trunk
	for _, t := range b.Trunks {
		h, p, err := t.HostPort()
		if err == nil && p == port && strings.EqualFold(h, host) && (found == nil || t.Name < found.Name) {
			found = t
		}
	}
	return found, found != nil
}

// before orders trunks that admit one address.
func (t *Trunk) before(other *Trunk) bool {
	if proof := t.Accept.Username != ""; proof != (other.Accept.Username != "") {
		return !proof
	}
	return t.Name < other.Name
}

// Buying is one who may buy a campaign's calls, with all that decides it.
type Buying struct {
	Route  Route
	Target *Target
	Buyer  *Buyer
	Bidder *Bidder // nil for a target at its fixed price
}

// Name returns the bidder's name, or the target's where there is no bidder.
func (b Buying) Name() string { return b.Route.Name() }

// Buyings returns who may buy the campaign's calls, in route order, with the
// defaults of priority and weight filled in.
func (b *Book) Buyings(campaign string) []Buying {
	c := b.Campaigns[campaign]
	if c == nil {
		return nil
	}
	out := make([]Buying, 0, len(c.Routes))
	for _, r := range c.Routes {
		if r.Priority == 0 {
			r.Priority = 10
		}
		if r.Weight == 0 {
			r.Weight = 100
		}
		x := Buying{Route: r}
		target := r.Target
		if r.Bidder != "" {
			x.Bidder = b.Bidders[r.Bidder]
			target = x.Bidder.Target
		}
		x.Target = b.Targets[target]
		x.Buyer = b.Buyers[x.Target.Buyer]
		out = append(out, x)
	}
	return out
}

// AgentsOf returns the users whose screen pops for the target: those it names,
// else the buyer's agents.
func (b *Book) AgentsOf(target string) []string {
	t := b.Targets[target]
	if t == nil {
		return nil
	}
	if len(t.Agents) > 0 {
		return t.Agents
	}
	var out []string
	for _, u := range b.Users {
		if u.Role == RoleAgent && u.Buyer == t.Buyer && !u.Disabled {
			out = append(out, u.Name)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
