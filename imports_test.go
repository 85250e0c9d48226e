package ringbid_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ringbid/ringbid"

// mayImport is who may import whom within the module; "" is the root. A folder
// takes the longest entry that is a prefix of it. Changing the table is a
// decision, explained in the commit.
var mayImport = map[string][]string{
	"":                     {},
	"migrations":           {},
	"sip/media":            {},
	"sip/sdp":              {},
	"ivr/speech":           {},
	"delivery/mapping":     {""},
	"delivery/connector":   {"", "delivery/mapping"},
	"sip/locate":           {},
	"sip/turn":             {},
	"sip/leg":              {"sip/sdp", "sip/turn"},
	"sip":                  {"", "sip/leg", "sip/locate", "sip/sdp", "sip/media", "sip/turn"},
	"sip/capture":          {"", "sip/leg", "sip/media"},
	"sip/siptest/dnstest":  {},
	"sip/siptest/certtest": {},
	"sip/siptest":          {"", "sip/leg", "sip/sdp", "sip/media"},
	"sip/interop":          {},
	"ivr":                  {""},
	"auction":              {""},
	"auction/dialect":      {"", "auction", "delivery/connector", "delivery/mapping"},
	"cti":                  {"", "delivery/connector", "delivery/crm"},
	"recording":            {"", "sip/media"},
	"delivery":             {"", "delivery/connector", "delivery/email", "delivery/mapping"},
	"delivery/email":       {"", "delivery/connector"},
	"delivery/webhook":     {""},
	"delivery/intake":      {""},
	"store":                {"", "migrations", "store/spool"},
	"store/localpg":        {},
	"store/spool":          {},
	"store/storetest":      {"", "store", "store/localpg", "migrations", "delivery"},
	"web":                  {""},
	"web/api":              {"", "web"},
	"web/console":          {"", "web"},
	"web/portal":           {"", "web"},
	"web/webtest":          {"", "web", "web/api", "web/console", "web/portal"},
	"sim":                  {"", "sip/leg", "sip/sdp", "sip/media", "auction/dialect"},
	"cmd":                  {"*"},
}

// fenced is where third parties may be imported.
var fenced = map[string][]string{
	"github.com/emiago/sipgo":         {"sip", "sim"},
	"github.com/pion/":                {"sip", "sim"},
	"github.com/jackc/pgx":            {"store", "delivery", "cmd"},
	"github.com/riverqueue/river":     {"delivery"},
	"github.com/gorilla/websocket":    {"cti", "sip/leg"},
	"github.com/aws/":                 {"recording", "delivery/batch"},
	"github.com/expr-lang/expr":       {"ivr", "delivery/connector"},
	"github.com/wneessen/go-mail":     {"delivery/email"},
	"github.com/spf13/cobra":          {"cmd"},
	"github.com/goccy/go-yaml":        {"cmd"},
	"github.com/chromedp/":            {"web/webtest"},
	"golang.org/x/sys/unix":           {"sip/media", "recording", "cmd", "store/localpg", "sim/load"},
	"github.com/nyaruka/phonenumbers": {},
	"github.com/prometheus/":          {"sip", "ivr", "auction", "cti", "recording", "delivery", "store", "web", "cmd"},
	"golang.org/x/net/dns":            {"sip/locate", "sip/siptest/dnstest"},
	"golang.org/x/crypto/bcrypt":      {"store", "cmd"},
}

// TestImports holds every Go file that is not a test against the two tables. It
// parses the files itself: a run of the go command would be hidden from the
// test cache.
func TestImports(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		folder := filepath.ToSlash(filepath.Dir(path))
		if folder == "." {
			folder = ""
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			checkImport(t, path, folder, imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("looked at %d files only", files)
	}
}

func checkImport(t *testing.T, path, folder, imported string) {
	t.Helper()
	if rest, ours := strings.CutPrefix(imported, module); ours {
		rest = strings.TrimPrefix(rest, "/")
		allowed := entry(folder)
		if !slices.Contains(allowed, rest) && !slices.Contains(allowed, "*") {
			t.Errorf("%s: %q may not import %q", path, folder, rest)
		}
		return
	}
	if folder == "" && strings.Contains(imported, ".") {
		t.Errorf("%s: the root imports the standard library only, not %s", path, imported)
	}
	for prefix, folders := range fenced {
		if strings.HasPrefix(imported, prefix) && !slices.ContainsFunc(folders, func(f string) bool {
			return folder == f || strings.HasPrefix(folder, f+"/")
		}) {
			t.Errorf("%s: %s is fenced off from %q", path, imported, folder)
		}
	}
}

// entry returns the allowed imports of the folder or of the nearest folder
// above it that has an entry.
func entry(folder string) []string {
	for f := folder; ; {
		if allowed, ok := mayImport[f]; ok {
			return allowed
		}
		cut := strings.LastIndexByte(f, '/')
		if cut < 0 {
			return mayImport[""]
		}
		f = f[:cut]
	}
}
