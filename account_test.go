package ringbid_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestTrunkAccount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a    ringbid.Account
		want string // part of the problems, "" for none
	}{
		{"sound", ringbid.Account{Username: "pbx-7@example.com", Password: "correct horse"}, ""},
		{"no password", ringbid.Account{Username: "pbx"}, "accept.password"},
		{"no username", ringbid.Account{Password: "correct horse"}, "accept.username"},
		{"short password", ringbid.Account{Username: "pbx", Password: "secret"}, "accept.password"},
		{"long password", ringbid.Account{Username: "pbx", Password: ringbid.Secret(strings.Repeat("x", 129))}, "accept.password"},
		{"one algorithm", ringbid.Account{Username: "pbx", Password: "correct horse", Algorithm: "sha-256"}, ""},
		{"unknown algorithm", ringbid.Account{Username: "pbx", Password: "correct horse", Algorithm: "SHA-1"}, "accept.algorithm"},
		{"quote in username", ringbid.Account{Username: `pbx"`, Password: "correct horse"}, "accept.username"},
		{"password is the username", ringbid.Account{Username: "pbx-of-the-office", Password: "pbx-of-the-office"}, "accept.password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			trunk := &ringbid.Trunk{Name: "a", Address: "192.0.2.1", Accept: tt.a}
			got := ""
			for _, p := range trunk.Validate() {
				got += p.Path + ": " + p.Text + "\n"
			}
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if p := (&ringbid.Trunk{Name: "a", Accept: tests[0].a}).Validate(); len(p) != 0 {
		t.Errorf("a trunk of digest calls alone: %v", p)
	}
	if n := len(ringbid.Secrets(&ringbid.Trunk{Password: "a", Accept: ringbid.Account{Password: "b"}})); n != 3 {
		t.Errorf("%d secrets", n)
	}
}

func TestBookAccounts(t *testing.T) {
	t.Parallel()
	account := ringbid.Account{Username: "pbx", Password: "correct horse"}
	book, problems := ringbid.NewBook([]ringbid.Document{
		&ringbid.Trunk{Name: "a", Accept: account, From: []string{"10.0.0.0/8"}},
		&ringbid.Trunk{Name: "b", From: []string{"10.0.0.0/8"}},
	})
	if len(problems) != 0 || book.Accounts["pbx"].Name != "a" {
		t.Errorf("accounts %v, problems %v", book.Accounts, problems)
	}
	if trunk, ok := book.TrunkFrom(netip.MustParseAddr("10.1.2.3")); !ok || trunk.Name != "b" {
		t.Errorf("%+v before the one that asks for no proof", trunk)
	}
	_, problems = ringbid.NewBook([]ringbid.Document{&ringbid.Trunk{Name: "a", Accept: account}, &ringbid.Trunk{Name: "b", Accept: account}})
	if len(problems) != 1 || problems[0].Path != "accept.username" {
		t.Errorf("two trunks with one username: %v", problems)
	}
}
