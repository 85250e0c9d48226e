package ivr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// plan is a flow made ready to run.
type plan struct {
	flow       *ringbid.Flow
	nodes      map[string]*ringbid.Node
	conditions map[string][]*condition // of branch nodes, in the order of their cases
	zones      map[string]*time.Location
}

// plans keeps the plan of each flow until the flow is replaced.
type plans struct {
	mu     sync.Mutex
	byName map[string]*plan
}

// of returns the flow's plan, made now where it is new.
func (p *plans) of(f *ringbid.Flow) (*plan, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kept := p.byName[f.Name]; kept != nil && kept.flow == f {
		return kept, nil
	}
	made, problems := newPlan(f)
	if len(problems) > 0 {
		return nil, ringbid.Errorf(ringbid.Invalid, "%s", problems[0])
	}
	if p.byName == nil {
		p.byName = map[string]*plan{}
	}
	p.byName[f.Name] = made
	return made, nil
}

// Check returns what is unsound in a flow beyond what Flow.Validate finds:
// conditions that do not compile, and texts to set whose tokens are broken.
func Check(f *ringbid.Flow) []ringbid.Problem {
	_, problems := newPlan(f)
	return problems
}

func newPlan(f *ringbid.Flow) (*plan, []ringbid.Problem) {
	p := &plan{
		flow: f, nodes: make(map[string]*ringbid.Node, len(f.Nodes)),
		conditions: map[string][]*condition{}, zones: map[string]*time.Location{},
	}
	var problems []ringbid.Problem
	addf := func(path, format string, args ...any) {
		problems = append(problems, ringbid.Problem{Key: f.Key(), Path: path, Text: fmt.Sprintf(format, args...)})
	}
	for i := range f.Nodes {
		n, path := &f.Nodes[i], "nodes["+strconv.Itoa(i)+"]"
		p.nodes[n.ID] = n
		switch n.Type {
		case ringbid.NodeBranch:
			for j, c := range n.Cases {
				made, err := compile(c.If)
				if err != nil {
					addf(path+".cases["+strconv.Itoa(j)+"].if", "%s", err)
				}
				p.conditions[n.ID] = append(p.conditions[n.ID], made)
			}
		case ringbid.NodeHours:
			zone, err := ringbid.LoadZone(n.Zone)
			if err != nil {
				addf(path+".zone", "%.60q is not an IANA time zone", n.Zone)
			}
			p.zones[n.ID] = zone
		case ringbid.NodeSet:
			for _, name := range sortedNames(n.Set) {
				if rest := token.ReplaceAllString(n.Set[name], ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
					addf(path+".set."+name, "%.60q has a token that is not {{tag}}", n.Set[name])
				}
				if slices.Contains(alwaysNames, strings.ToLower(name)) {
					addf(path+".set."+name, "is what every call has and cannot be set")
				}
			}
		case ringbid.NodeGather, ringbid.NodeMenu:
			if slices.Contains(alwaysNames, strings.ToLower(n.Tag)) {
				addf(path+".tag", "%q is what every call has and cannot be set", n.Tag)
			}
		}
	}
	return p, problems
}

// sortedNames keeps the order of set tags, and so of problems and events, the
// same from call to call.
func sortedNames(m ringbid.TagMap) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}
