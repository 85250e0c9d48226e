package document

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction/dialect"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/ivr"
)

// Limits of what is read.
const (
	MaxFile  = 4 << 20 // bytes in one YAML file
	MaxFiles = 1000
	maxDepth = 32
)

// Set is what was read: the documents, and where each stands.
type Set struct {
	Documents []ringbid.Document
	sources   map[ringbid.Key]source
}

type source struct {
	file string
	body ast.Node
	line int
}

// Finding is one thing wrong, with the place it stands.
type Finding struct {
	File string
	Line int
	Key  ringbid.Key
	Path string
	Text string
}

// String returns "file:line: Kind/name: path: text".
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		fmt.Fprintf(&b, "%s:%d: ", f.File, f.Line)
	}
	if f.Key.Kind != "" {
		b.WriteString(f.Key.String() + ": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// Findings is a list of findings as an error of kind Invalid.
type Findings []Finding

// Error lists the findings, one a line.
func (fs Findings) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Read reads YAML files and folders of them (*.yaml, *.yml, by name). The
// error is a Findings where the documents are to blame.
func Read(paths ...string) (*Set, error) {
	set := &Set{sources: map[ringbid.Key]source{}}
	var files []string
	for _, p := range paths {
		found, err := list(p)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no *.yaml files in %s", strings.Join(paths, ", "))
	}
	if len(files) > MaxFiles {
		return nil, fmt.Errorf("more than %d files", MaxFiles)
	}
	var findings Findings
	for _, f := range files {
		text, err := readLimited(f, MaxFile)
		if err != nil {
			return nil, err
		}
		findings = append(findings, set.add(f, text)...)
	}
	if len(findings) > 0 {
		return nil, findings
	}
	return set, nil
}

// Parse reads documents from text; name stands for the file in findings. Files
// named by prompts are looked for beside it.
func Parse(name string, text []byte) (*Set, error) {
	set := &Set{sources: map[ringbid.Key]source{}}
	if len(text) > MaxFile {
		return nil, ringbid.Errorf(ringbid.Invalid, "%s is longer than %d bytes", name, MaxFile)
	}
	if f := set.add(name, text); len(f) > 0 {
		return nil, f
	}
	return set, nil
}

func list(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(p, ".yaml") || strings.HasSuffix(p, ".yml")) {
			files = append(files, p)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

func readLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, ringbid.Errorf(ringbid.Invalid, "%s is not a file of at most %d bytes", path, limit)
	}
	return os.ReadFile(path)
}

func (s *Set) add(file string, text []byte) (findings Findings) {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Findings{syntax(file, err)}
	}
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue
		}
		if f := s.decode(file, doc.Body); f != nil {
			findings = append(findings, *f)
		}
	}
	return findings
}

func (s *Set) decode(file string, body ast.Node) *Finding {
	line := body.GetToken().Position.Line
	m, ok := body.(*ast.MappingNode)
	if !ok {
		if v, single := body.(*ast.MappingValueNode); single {
			m = ast.Mapping(v.GetToken(), false, v)
		} else {
			return &Finding{File: file, Line: line, Text: "is not a document with keys"}
		}
	}
	if len(m.Values) > 0 {
		line = m.Values[0].Key.GetToken().Position.Line
	}
	if deep(body, 0) {
		return &Finding{File: file, Line: line, Text: "is nested too deeply or uses aliases"}
	}
	var kind string
	rest := make([]*ast.MappingValueNode, 0, len(m.Values))
	for _, v := range m.Values {
		if v.Key.String() == "kind" {
			kind = strings.Trim(v.Value.String(), `"'`)
			continue
		}
		rest = append(rest, v)
	}
	if kind == "" {
		return &Finding{File: file, Line: line, Path: "kind", Text: "is missing"}
	}
	d, err := ringbid.NewDocument(ringbid.DocKind(kind))
	if err != nil {
		return &Finding{File: file, Line: line, Text: err.Error()}
	}
	fields := ast.Mapping(m.Start, m.IsFlowStyle, rest...)
	if len(rest) > 0 {
		if err := yaml.NodeToValue(fields, d, yaml.Strict(), yaml.UseJSONUnmarshaler()); err != nil {
			f := syntax(file, err)
			f.Key = d.Key()
			if f.Line == 0 {
				f.Line = max(line, blame(d.Key().Kind, rest))
			}
			return &f
		}
	}
	if err := attach(file, d); err != nil {
		return &Finding{File: file, Line: line, Key: d.Key(), Path: "file", Text: err.Error()}
	}
	s.Documents = append(s.Documents, d)
	if _, twice := s.sources[d.Key()]; !twice {
		s.sources[d.Key()] = source{file, body, line}
	}
	return nil
}

// attach reads the recording a prompt names into it.
func attach(file string, d ringbid.Document) error {
	p, ok := d.(*ringbid.Prompt)
	if !ok || p.File == "" {
		return nil
	}
	if !filepath.IsLocal(p.File) {
		return ringbid.Errorf(ringbid.Invalid, "%q is not below the folder of the document", p.File)
	}
	wav, err := readLimited(filepath.Join(filepath.Dir(file), p.File), ringbid.MaxPromptWAV)
	if err != nil {
		return err
	}
	p.WAV = wav
	return nil
}

// syntax turns the parser's error into a finding.
func syntax(file string, err error) Finding {
	f := Finding{File: file, Text: err.Error()}
	var e yaml.Error
	if errors.As(err, &e) {
		f.Text = e.GetMessage()
		if t := e.GetToken(); t != nil {
			f.Line = t.Position.Line
		}
	}
	return f
}

// blame finds the line of the key, or of the list entry below it, that does not
// decode by itself; 0 where each does.
func blame(kind ringbid.DocKind, keys []*ast.MappingValueNode) int {
	bad := func(key *ast.MappingValueNode, value ast.Node) bool {
		d, err := ringbid.NewDocument(kind)
		if err != nil {
			return false
		}
		alone := ast.Mapping(key.GetToken(), false, ast.MappingValue(key.GetToken(), key.Key, value))
		return yaml.NodeToValue(alone, d, yaml.UseJSONUnmarshaler()) != nil
	}
	for _, k := range keys {
		if !bad(k, k.Value) {
			continue
		}
		if list, ok := k.Value.(*ast.SequenceNode); ok {
			for _, v := range list.Values {
				one := ast.Sequence(list.Start, list.IsFlowStyle)
				one.Values = []ast.Node{v}
				if bad(k, one) {
					return v.GetToken().Position.Line
				}
			}
		}
		return k.Key.GetToken().Position.Line
	}
	return 0
}

// deep reports nesting beyond maxDepth, or any alias or merge: documents have
// no use for them, and they are how small files become large.
func deep(n ast.Node, depth int) bool {
	if depth > maxDepth {
		return true
	}
	switch n := n.(type) {
	case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode:
		return true
	case *ast.MappingNode:
		return slices.ContainsFunc(n.Values, func(v *ast.MappingValueNode) bool { return deep(v, depth+1) })
	case *ast.MappingValueNode:
		return deep(n.Key, depth+1) || deep(n.Value, depth+1)
	case *ast.SequenceNode:
		return slices.ContainsFunc(n.Values, func(v ast.Node) bool { return deep(v, depth+1) })
	}
	return false
}

// Check looks at the documents together and returns every problem with its
// place, flows' expressions included; nil when they are sound.
func (s *Set) Check() Findings {
	return s.Locate(Check(s.Documents))
}

// Check looks at documents together: each by itself, what they name, and what
// only the parts that use them can tell of flows, bidders, methods, maps and
// hooks.
func Check(docs []ringbid.Document) []ringbid.Problem {
	_, problems := ringbid.NewBook(docs)
	for _, d := range docs {
		switch d := d.(type) {
		case *ringbid.Flow:
			problems = append(problems, ivr.Check(d)...)
		case *ringbid.Bidder:
			if err := dialect.CheckBidder(d); err != nil {
				problems = append(problems, ringbid.Problem{Key: d.Key(), Path: "exchange", Text: err.Error()})
			}
		case *ringbid.Hook:
			problems = append(problems, checkHook(d)...)
		}
	}
	return append(problems, delivery.Check(docs)...)
}

// Locate adds file and line to problems.
func (s *Set) Locate(problems []ringbid.Problem) Findings {
	var out Findings
	for _, p := range problems {
		f := Finding{Key: p.Key, Path: p.Path, Text: p.Text}
		if src, ok := s.sources[p.Key]; ok {
			f.File, f.Line = src.file, src.lineOf(p.Path)
		}
		out = append(out, f)
	}
	return out
}

// lineOf returns the line of the deepest part of path that is written down.
func (s source) lineOf(path string) int {
	for path != "" {
		if p, err := yaml.PathString("$." + path); err == nil {
			if n, err := p.FilterNode(s.body); err == nil && n != nil {
				return n.GetToken().Position.Line
			}
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return s.line
}

// OrNil returns the findings as an error, nil where there are none.
func (fs Findings) OrNil() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}
