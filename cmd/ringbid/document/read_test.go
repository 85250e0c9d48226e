package document

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

func TestParse(t *testing.T) {
	t.Parallel()
	set, err := Parse("a.yaml", []byte(`
# a trunk and what is sold through it
kind: Trunk
name: carrier
from: [10.0.0.0/8]
rtp_timeout: 30s
---
kind: Target
name: acme
buyer: acme
trunk: carrier
user: "15551234567"
price: 22.5
hours: [{days: mon-fri, from: "09:00", to: "17:00"}]
caps:
  - {on: convert, per: day, limit: 50}
headers: {X-Zip: "{{zip}}"}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []ringbid.Document{
		&ringbid.Trunk{Name: "carrier", From: []string{"10.0.0.0/8"}, RTPTimeout: ringbid.Duration(30 * time.Second)},
		&ringbid.Target{
			Name: "acme", Buyer: "acme", Trunk: "carrier", User: "15551234567", Price: 225000,
			Hours:   ringbid.Hours{{Days: "mon-fri", From: "09:00", To: "17:00"}},
			Caps:    []ringbid.Cap{{On: "convert", Per: "day", Limit: 50}},
			Headers: map[string]string{"X-Zip": "{{zip}}"},
		},
	}
	if diff := cmp.Diff(want, set.Documents); diff != "" {
		t.Error(diff)
	}
}

// TestFindings shows what an operator is told, with the line it is about.
func TestFindings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"unknown kind":       {"kind: Trnk\nname: x\n", `a.yaml:1: kind: "Trnk" is not one of`},
		"no kind":            {"name: x\n", "a.yaml:1: kind: is missing"},
		"unknown key":        {"kind: Buyer\nname: x\nemial: a@b\n", `a.yaml:3: Buyer/x: unknown field "emial"`},
		"not YAML":           {"kind: Buyer\nname: [x\n", "a.yaml:2: "},
		"twice a key":        {"kind: Buyer\nname: x\nname: y\n", "a.yaml:3: "},
		"bad amount":         {"kind: Target\nname: x\nprice: 1.23456\n", "a.yaml:3: "},
		"bad duration":       {"kind: Trunk\nname: x\nrtp_timeout: soon\n", "a.yaml:3: "},
		"alias":              {"kind: Buyer\nname: &a x\ntitle: *a\n", "aliases"},
		"a list":             {"- kind: Buyer\n", "is not a document with keys"},
		"dangling":           {"kind: Number\nnumber: \"+18005550100\"\ncampaign: none\n", "a.yaml:3: Number/18005550100: campaign: there is no Campaign/none"},
		"deep path":          {"kind: Campaign\nname: c\nflow: f\nroutes:\n  - target: a\n  - target: b\n    priority: 900\n---\nkind: Flow\nname: f\nstart: s\nnodes:\n  - {id: s, type: hangup}\n", "a.yaml:7: Campaign/c: routes[1].priority: 900 is not between 0 and 100"},
		"a loop":             {"kind: Flow\nname: f\nstart: a\nnodes:\n  - {id: a, type: set, next: b}\n  - {id: b, type: set, next: a}\n", `a.yaml:5: Flow/f: nodes[0]: "a" loops`},
		"outside the folder": {"kind: Prompt\nname: p\nfile: ../../etc/passwd\n", "is not below the folder"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := Parse("a.yaml", []byte(tt.text))
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = set.Check().Error()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want it to hold %q", got, tt.want)
			}
		})
	}
}

func TestReadFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.yaml": "kind: Buyer\nname: b\n", "a.yml": "kind: Buyer\nname: a\n", "notes.txt": "not ours",
		"p.yaml": "kind: Prompt\nname: p\nfile: p.wav\n", "p.wav": "RIFF",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []ringbid.Document{&ringbid.Buyer{Name: "a"}, &ringbid.Buyer{Name: "b"}, &ringbid.Prompt{Name: "p", File: "p.wav", WAV: []byte("RIFF")}}
	if diff := cmp.Diff(want, set.Documents); diff != "" {
		t.Error(diff)
	}
}

// TestWriteReadsBack shows that what is written is what is read, but for secrets.
func TestWriteReadsBack(t *testing.T) {
	t.Parallel()
	doc := &ringbid.Campaign{Name: "c", Flow: "f", Routes: []ringbid.Route{{Target: "t", Priority: 3}}, Floor: 125000, Deadline: ringbid.Duration(1500 * time.Millisecond)}
	text, err := Write(doc)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Parse("x", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if diff := cmp.Diff([]ringbid.Document{doc}, set.Documents); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
	text, err = Write(&ringbid.Trunk{Name: "t", Address: "sbc:5060", Username: "u", Password: "hunter2"})
	if err != nil || bytes.Contains(text, []byte("hunter2")) {
		t.Errorf("the password is written: %s, %v", text, err)
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Reference(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## kind: Trunk", "| `routes` | list of Route |", "### Cap", "### Node", "| `deadline` | duration |", "| `voicemail` | record a message |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the reference does not hold %q", want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("kind: Buyer\nname: x\n"))
	f.Add([]byte("kind: Flow\nname: f\nstart: a\nnodes:\n  - {id: a, type: hangup}\n"))
	f.Add([]byte("kind: Target\nprice: \"1e9\"\n---\n- a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if set, err := Parse("x", text); err == nil {
			_ = set.Check().Error()
		}
	})
}
