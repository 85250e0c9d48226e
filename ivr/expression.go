package ivr

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// maxNodes bounds a branch expression; no sensible condition comes near it.
const maxNodes = 500

// builtins are the functions of the expression language that a condition may
// call. Those that walk lists are left out: without them an expression cannot
// take long, whatever it says.
var builtins = [...]string{"len", "lower", "upper", "trim", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix", "indexOf", "abs"}

// condition is a compiled branch expression and the tags it reads.
type condition struct {
	program *vm.Program
	names   []string
}

// compile reads a branch condition. Every name in it is a tag, a text, ""
// where it is not known, found without regard to case.
func compile(text string) (*condition, error) {
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, unsound(err)
	}
	found := &tagNames{read: map[string]bool{}}
	ast.Walk(&tree.Node, found)
	if found.loops {
		return nil, errors.New("expression is unsound: conditions do not walk lists")
	}
	c, env := &condition{}, map[string]any{}
	for name := range found.read {
		if !slices.Contains(found.declared, name) {
			c.names = append(c.names, name)
			env[name] = ""
		}
	}
	options := []expr.Option{
		expr.Env(env), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins(),
		expr.Patch(&tagNames{read: map[string]bool{}}),
		expr.Function("num", func(p ...any) (any, error) { return num(p[0].(string)), nil }, new(func(string) float64)),
		expr.Function("has", func(p ...any) (any, error) { return p[0].(string) != "", nil }, new(func(string) bool)),
	}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	if c.program, err = expr.Compile(text, options...); err != nil {
		return nil, unsound(err)
	}
	return c, nil
}

// unsound keeps the first line of a compiler's answer; the others draw arrows.
func unsound(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("expression is unsound: %s", first)
}

// holds runs the condition over the facts.
func (c *condition) holds(facts ringbid.TagMap) (bool, error) {
	env := make(map[string]any, len(c.names))
	for _, name := range c.names {
		env[name], _ = facts.Get(name)
	}
	v, err := expr.Run(c.program, env)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return false, fmt.Errorf("evaluate condition: %s", first)
	}
	ok, _ := v.(bool)
	return ok, nil
}

// num reads a number; what is none compares false with everything.
func num(s string) float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// tagNames makes names lower-case, notes them, and reads has("zip") as
// has(zip): people write both, and a text that is always there would always be
// had.
type tagNames struct {
	read     map[string]bool
	declared []string // by let
	loops    bool     // walks a list
}

// Visit changes one node of the expression; its children come first.
func (t *tagNames) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		t.loops = true
	case *ast.IdentifierNode:
		n.Value = strings.ToLower(n.Value)
		t.read[n.Value] = true
	case *ast.VariableDeclaratorNode:
		n.Name = strings.ToLower(n.Name)
		t.declared = append(t.declared, n.Name)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			return
		}
		delete(t.read, callee.Value)
		if callee.Value != "has" || len(n.Arguments) != 1 {
			return
		}
		if s, ok := n.Arguments[0].(*ast.StringNode); ok {
			name := &ast.IdentifierNode{Value: strings.ToLower(s.Value)}
			ast.Patch(&n.Arguments[0], name)
			t.read[name.Value] = true
		}
	}
}
