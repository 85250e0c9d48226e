package connector

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// Rules say how an answer is understood, as expressions. Known in them are
//
//	status            the HTTP status
//	text              the whole answer
//	header(name)      a header
//	at(path, …)       the first of the paths that is not empty, as text
//	is(path, word, …) whether it is one of the words, whatever their case
//	yes(path)         whether it is true, yes, y or 1, as a word or not
//	num(path)         its number; what is none compares false
//	has(path)         whether there is something
//	count(path)       how many
//	pick(text, re)    the first group of a pattern
//
// and the language's own operators. Paths are names and places parted by dots;
// the root element of XML is not part of them. A price stays the text it was
// written as.
type Rules struct {
	// As is json, xml, form or text; the look of the answer decides unless said.
	// Only where it is text may the answer be a web page.
	As string `json:"as,omitempty"`
	// Accepted is true where the partner took what was sent. It must be given: an
	// HTTP status says nothing.
	Accepted string `json:"accepted"`
	ID       string `json:"id,omitempty"`     // the partner's own id
	Price    string `json:"price,omitempty"`  // a plain decimal
	Reason   string `json:"reason,omitempty"` // why not
	// Declined is true where the partner looked at what was sent and does not want
	// it, as opposed to not being able to read it; a rule that says no under a
	// status of 2xx, and 409, mean that in any case.
	Declined string `json:"declined,omitempty"`
	// Retry is true where the partner asks to come again later.
	Retry string `json:"retry,omitempty"`
	// Wait is how many seconds later, as text.
	Wait string `json:"wait,omitempty"`
	// Unconfirmed says that an accepted answer proves only that it was submitted.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

const maxRule = 2000 // bytes of an expression

// rules are compiled Rules; those that were not given are nil.
type rules struct {
	as                                        string
	accepted, id, price, reason, retry, await *vm.Program
	declined                                  *vm.Program
}

// view is an answer as the expressions see it.
type view struct {
	status int
	header http.Header
	text   string
	root   *node
	// contradiction is the path of a value that was read and stands there twice,
	// differently.
	contradiction string
	spoke         bool // a part of the body was read that says something
}

func compileRules(r Rules, problem func(path string, err error)) rules {
	out := rules{as: r.As}
	switch r.As {
	case "", "json", "xml", "form", "text":
	default:
		problem("as", fmt.Errorf("%q is none of json, xml, form, text", r.As))
	}
	if strings.TrimSpace(r.Accepted) == "" {
		problem("accepted", errors.New("is mandatory: a status of 200 does not say that anything was accepted"))
	}
	for _, c := range []struct {
		name, text string
		into       **vm.Program
		kind       reflect.Kind
	}{
		{"accepted", r.Accepted, &out.accepted, reflect.Bool}, {"id", r.ID, &out.id, reflect.String},
		{"price", r.Price, &out.price, reflect.String}, {"reason", r.Reason, &out.reason, reflect.String},
		{"retry", r.Retry, &out.retry, reflect.Bool}, {"declined", r.Declined, &out.declined, reflect.Bool}, {"wait", r.Wait, &out.await, reflect.String},
	} {
		if strings.TrimSpace(c.text) == "" {
			continue
		}
		p, err := compileRule(c.text, c.kind)
		if err != nil {
			problem(c.name, err)
		}
		*c.into = p
	}
	return out
}

func compileRule(text string, kind reflect.Kind) (*vm.Program, error) {
	if len(text) > maxRule {
		return nil, fmt.Errorf("expression is longer than %d bytes", maxRule)
	}
	options := []expr.Option{
		expr.Env((&view{root: &node{}}).env()), expr.AsKind(kind), expr.MaxNodes(300), expr.DisableAllBuiltins(),
	}
	for _, name := range []string{"len", "lower", "upper", "trim", "hasPrefix", "hasSuffix"} {
		options = append(options, expr.EnableBuiltin(name))
	}
	p, err := expr.Compile(text, options...)
	if err != nil {
		return nil, firstLine(err)
	}
	return p, nil
}

func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("expression is unsound: %s", line)
}

// env is what an expression knows.
func (v *view) env() map[string]any {
	return map[string]any{
		"status": v.status, "text": v.text, "header": v.header.Get, "at": v.at, "has": v.has, "count": v.root.count,
		"is": func(path string, words ...string) bool {
			got := strings.TrimSpace(v.at(path))
			for _, w := range words {
				if strings.EqualFold(got, w) {
					return true
				}
			}
			return false
		},
		"yes": func(path string) bool {
			switch strings.ToLower(strings.TrimSpace(v.at(path))) {
			case "true", "yes", "y", "1":
				return true
			}
			return false
		},
		"num": func(path string) float64 {
			f, err := strconv.ParseFloat(strings.TrimSpace(v.at(path)), 64)
			if err != nil {
				return math.NaN()
			}
			return f
		},
		"pick": func(text, pattern string) string {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return ""
			}
			if m := re.FindStringSubmatch(text); len(m) > 1 {
				return m[1]
			}
			return ""
		},
	}
}

func (v *view) at(paths ...string) string {
	for _, p := range paths {
		n, contradicts := v.root.find(p)
		if contradicts {
			v.contradiction = p
		}
		if n != nil && n.text != "" {
			v.spoke = true
			return n.text
		}
	}
	return ""
}

func (v *view) has(path string) bool {
	n, _ := v.root.find(path)
	return n != nil && (n.text != "" || len(n.kids) > 0)
}

// truth runs a rule that says yes or no; one that cannot be worked out says no.
func (v *view) truth(p *vm.Program) bool {
	if p == nil {
		return false
	}
	out, err := expr.Run(p, v.env())
	b, _ := out.(bool)
	return err == nil && b
}

// word runs a rule that gives a text.
func (v *view) word(p *vm.Program) string {
	if p == nil {
		return ""
	}
	out, err := expr.Run(p, v.env())
	s, _ := out.(string)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(s)
}
