package console

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ringbid/ringbid"
)

// Geometry of the flow diagram.
const (
	boxWide = 148
	boxHigh = 48
	colGap  = 88
	rowGap  = 28
)

// Diagram is a flow drawn from left to right.
type Diagram struct {
	Wide, High int
	Boxes      []diagramBox
	Edges      []diagramEdge
}

type diagramBox struct {
	X, Y           int
	ID, Sub, Class string
	Start          bool
}

type diagramEdge struct {
	Path, Label, Tip string
	LabelX, LabelY   int
}

// newDiagram lays the nodes out in columns by how far they are from the start,
// and orders each column by where its callers come from.
func newDiagram(f *ringbid.Flow) *Diagram {
	at := columns(f)
	d := &Diagram{}
	byID := map[string]*diagramBox{}
	cols := map[int][]*ringbid.Node{}
	most := 0
	for i := range f.Nodes {
		n := &f.Nodes[i]
		cols[at[n.ID]] = append(cols[at[n.ID]], n)
		most = max(most, at[n.ID])
	}
	rows := map[string]float64{}
	highest := 0
	for col := range most + 1 {
		nodes := cols[col]
		slices.SortStableFunc(nodes, func(a, b *ringbid.Node) int {
			return cmp.Compare(comesFrom(f, a.ID, rows), comesFrom(f, b.ID, rows))
		})
		for row, n := range nodes {
			rows[n.ID] = float64(row)
			b := &diagramBox{X: 24 + col*(boxWide+colGap), Y: 20 + row*(boxHigh+rowGap), ID: n.ID, Sub: nodeSub(n), Class: nodeClass(n.Type), Start: n.ID == f.Start}
			byID[n.ID] = b
			highest = max(highest, b.Y+boxHigh)
		}
	}
	for i := range f.Nodes {
		d.Boxes = append(d.Boxes, *byID[f.Nodes[i].ID])
	}
	below := highest + 14
	for i := range f.Nodes {
		n := &f.Nodes[i]
		edges := waysOut(n)
		for k, e := range edges {
			to, ok := byID[e.To]
			if !ok {
				continue
			}
			edge := connect(byID[n.ID], to, k, len(edges), &below)
			edge.Label = short(e.Label, 13)
			d.Edges = append(d.Edges, edge)
		}
	}
	d.Wide = 48 + (most+1)*(boxWide+colGap) - colGap
	d.High = below + 6
	return d
}

// columns gives each node the longest way to it from the start, not counting
// ways back.
func columns(f *ringbid.Flow) map[string]int {
	at, onPath := map[string]int{}, map[string]bool{}
	budget := 20_000
	var visit func(id string, depth int)
	visit = func(id string, depth int) {
		n, ok := f.Node(id)
		if budget--; !ok || onPath[id] || budget < 0 {
			return
		}
		if d, seen := at[id]; seen && d >= depth {
			return
		}
		at[id] = depth
		onPath[id] = true
		for _, e := range n.Edges() {
			visit(e.To, depth+1)
		}
		delete(onPath, id)
	}
	visit(f.Start, 0)
	return at
}

// waysOut are the edges of a node with those to the same place made one, the
// plain way on first.
func waysOut(n *ringbid.Node) []ringbid.Edge {
	var out []ringbid.Edge
	for _, e := range n.Edges() {
		i := slices.IndexFunc(out, func(o ringbid.Edge) bool { return o.To == e.To })
		switch {
		case i < 0:
			out = append(out, e)
		case e.Label != "":
			out[i].Label += ", " + e.Label
		}
	}
	slices.SortStableFunc(out, func(a, b ringbid.Edge) int { return cmp.Compare(min(len(a.Label), 1), min(len(b.Label), 1)) })
	return out
}

// comesFrom is the mean row of the nodes that lead to id.
func comesFrom(f *ringbid.Flow, id string, rows map[string]float64) float64 {
	sum, n := 0.0, 0.0
	for i := range f.Nodes {
		for k, e := range waysOut(&f.Nodes[i]) {
			if r, placed := rows[f.Nodes[i].ID]; placed && e.To == id {
				sum, n = sum+r+float64(k)*0.1, n+1
			}
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// connect draws an edge: forward ones as a curve, ones to the same column or
// back below everything.
func connect(a, b *diagramBox, k, of int, below *int) diagramEdge {
	x1, y1 := a.X+boxWide, a.Y+boxHigh*(k+1)/(of+1)
	x2, y2 := b.X, b.Y+boxHigh/2
	tip := fmt.Sprintf("%d,%d %d,%d %d,%d", x2, y2, x2-8, y2-4, x2-8, y2+4)
	if x2 > x1 {
		mid := colGap / 2
		e := diagramEdge{Tip: tip, LabelX: x1 + 6, LabelY: y1 - 4}
		if x2-x1 > colGap {
			// Past the columns between: over the gap below the row, then in.
			lift := max(a.Y, b.Y) + boxHigh + rowGap/2
			if a.Y == b.Y && b.X-a.X > 2*(boxWide+colGap)-1 {
				e.Path = fmt.Sprintf("M%d %d C%d %d %d %d %d %d L%d %d C%d %d %d %d %d %d", x1, y1, x1+mid, y1, x1+mid/2, lift, x1+colGap, lift, x2-colGap, lift, x2-mid/2, lift, x2-mid, y2, x2-6, y2)
				return e
			}
		}
		e.Path = fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x1, y1, x1+mid, y1, x2-mid, y2, x2-6, y2)
		return e
	}
	*below += 14
	y := *below
	return diagramEdge{
		Path: fmt.Sprintf("M%d %d C%d %d %d %d %d %d L%d %d C%d %d %d %d %d %d", x1, y1, x1+40, y1, x1+40, y, x1, y, x2, y, x2-40, y, x2-40, y2, x2-6, y2),
		Tip:  tip, LabelX: x1 + 6, LabelY: y1 - 4,
	}
}

func nodeSub(n *ringbid.Node) string {
	switch {
	case n.Tag != "":
		return string(n.Type) + " → " + n.Tag
	case n.RingThrough:
		return string(n.Type) + ", rings through"
	case n.Prompt != "":
		return string(n.Type) + ": " + n.Prompt
	case n.Code != 0:
		return fmt.Sprintf("%s %d", n.Type, n.Code)
	}
	return string(n.Type)
}

func nodeClass(t ringbid.NodeType) string {
	switch t {
	case ringbid.NodeGather, ringbid.NodeMenu:
		return "ask"
	case ringbid.NodeAuction:
		return "sell"
	case ringbid.NodeDial:
		return "dial"
	case ringbid.NodeHangup, ringbid.NodeVoicemail:
		return "end"
	}
	return ""
}

func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// TextX is where a box's text begins.
func (b diagramBox) TextX() int { return b.X + 10 }

// Line1 is the base line of a box's name.
func (b diagramBox) Line1() int { return b.Y + 20 }

// Line2 is the base line of what a box does.
func (b diagramBox) Line2() int { return b.Y + 37 }

// Drawn is how wide the diagram is on the page: a little smaller than life, so
// that more of a long flow is seen at once.
func (d *Diagram) Drawn() int { return d.Wide * 85 / 100 }
