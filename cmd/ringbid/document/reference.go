package document

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"reflect"
	"regexp"
	"strings"

	"github.com/ringbid/ringbid"
)

// kinds are the documents in the order an operator meets them.
var kinds = []string{"Trunk", "Number", "Campaign", "Flow", "Buyer", "Target", "Bidder", "Publisher", "Prompt", "User", "Source", "Method", "Map", "Hook"}

// Reference writes the reference page of the documents as Markdown, made from
// the types' own comments.
func Reference(w io.Writer) error {
	types, err := structs()
	if err != nil {
		return err
	}
	fmt.Fprint(w, "# Configuration documents\n\nA document is YAML with a `kind`. Several stand in one file, separated by `---`. "+
		"Unknown keys, dangling references and unsound flows are refused with file, line and path. "+
		"Amounts are decimals of at most four places (`22.50`), durations are written `30s` or `1m30s`, phone numbers `\"+18005550100\"`. "+
		"The folder `cmd/ringbid/demo` of the source holds an example of every kind.\n")
	var parts []string
	for _, k := range kinds {
		fmt.Fprintf(w, "\n## kind: %s\n\n", k)
		parts = append(parts, types[structOf(k)].write(w, types)...)
	}
	done := map[string]bool{}
	for len(parts) > 0 {
		name := parts[0]
		parts = parts[1:]
		if done[name] {
			continue
		}
		done[name] = true
		fmt.Fprintf(w, "\n### %s\n\n", name)
		parts = append(parts, types[name].write(w, types)...)
	}
	return nil
}

// structOf returns the type that holds a kind of document.
func structOf(kind string) string {
	if kind == string(ringbid.KindMap) {
		return "FieldMap"
	}
	return kind
}

type structDoc struct {
	text   string
	fields []fieldDoc
	values []fieldDoc // what its type key may be
}

// common are the keys that mean the same in every document.
var common = map[string]string{
	"name":   "what the document is known by: lower-case letters, digits, dots, dashes and underscores",
	"title":  "what people read",
	"paused": "takes no calls while true",
}

type fieldDoc struct{ name, kind, text string }

// structs reads every struct of the documents' sources, with its comments.
func structs() (map[string]structDoc, error) {
	out := map[string]structDoc{}
	var nodeTypes []fieldDoc
	files, err := fs.Glob(ringbid.Sources, "*.go")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		src, err := fs.ReadFile(ringbid.Sources, name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, decl := range f.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					nodeTypes = append(nodeTypes, nodeType(v)...)
				}
				if t, ok := spec.(*ast.TypeSpec); ok {
					if s, ok := t.Type.(*ast.StructType); ok {
						out[t.Name.Name] = structDoc{text: flat(g.Doc.Text()), fields: fields(s)}
					}
				}
			}
		}
	}
	node := out["Node"]
	node.values = nodeTypes
	out["Node"] = node
	return out, nil
}

// nodeType returns the value and comment of a constant of the type NodeType.
func nodeType(v *ast.ValueSpec) []fieldDoc {
	if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "NodeType" || len(v.Values) != 1 {
		return nil
	}
	value, ok := v.Values[0].(*ast.BasicLit)
	if !ok {
		return nil
	}
	return []fieldDoc{{name: strings.Trim(value.Value, `"`), text: flat(v.Comment.Text())}}
}

func fields(s *ast.StructType) []fieldDoc {
	var out []fieldDoc
	keys := map[string]string{} // by the name the comments use
	for _, f := range s.Fields.List {
		if f.Tag == nil || len(f.Names) == 0 {
			continue
		}
		key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
		name := f.Names[0].Name
		keys[name] = "`" + key + "`"
		text := strings.TrimPrefix(flat(f.Doc.Text()+" "+f.Comment.Text()), name+" ")
		for _, verb := range []string{"is ", "are ", "lists "} {
			text = strings.TrimPrefix(text, verb)
		}
		out = append(out, fieldDoc{key, typeName(f.Type), text})
	}
	word := regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)
	for i := range out {
		out[i].text = word.ReplaceAllStringFunc(out[i].text, func(w string) string {
			if k, ok := keys[w]; ok {
				return k
			}
			return w
		})
	}
	return out
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// typeName says a Go type in an operator's words.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		if id, ok := e.Elt.(*ast.Ident); ok && id.Name == "byte" {
			return "base64"
		}
		return "list of " + typeName(e.Elt)
	case *ast.MapType:
		return "map of " + typeName(e.Value)
	case *ast.Ident:
		switch e.Name {
		case "string", "NodeType", "Role":
			return "text"
		case "int", "int64":
			return "number"
		case "bool":
			return "true or false"
		case "Money":
			return "amount"
		case "Duration":
			return "duration"
		case "Phone":
			return "phone number"
		case "Secret":
			return "secret"
		case "Raw":
			return "data"
		case "Hours":
			return "list of Span"
		case "TagMap", "KeyMap":
			return "map of text"
		}
		return e.Name
	}
	return "?"
}

// write prints one struct and returns the structs its fields hold.
func (d structDoc) write(w io.Writer, types map[string]structDoc) (parts []string) {
	fmt.Fprintf(w, "%s\n\n| key | type | meaning |\n|---|---|---|\n", d.text)
	for _, f := range d.fields {
		if f.text == "" {
			f.text = common[f.name]
		}
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.name, f.kind, strings.ReplaceAll(f.text, "|", "\\|"))
		last := f.kind[strings.LastIndexByte(f.kind, ' ')+1:]
		if _, ok := types[last]; ok {
			parts = append(parts, last)
		}
	}
	if len(d.values) > 0 {
		fmt.Fprint(w, "\n| type | what it does |\n|---|---|\n")
	}
	for _, v := range d.values {
		fmt.Fprintf(w, "| `%s` | %s |\n", v.name, v.text)
	}
	return parts
}
