package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestKeepsEverything stops a node and starts it again on the same data: calls,
// documents, sessions and the node's name are as they were. Idle, it stops at
// once.
func TestKeepsEverything(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a node twice")
	}
	w := newTown(t)
	n := w.serve(t)
	w.apply(t)
	w.known(t, n)
	story := w.place(t, n, express, 2*time.Second)
	if !story.Heard {
		t.Fatalf("no call to keep: %s", story)
	}
	before, name := w.ended(t, story.CallID), n.name
	me := signIn(t, n.http, "operator", "a good password")
	if got := page(t, me, n.http+"/calls/"+before.ID); got != 200 {
		t.Fatalf("the call's page is %d", got)
	}
	n.signal(t, syscall.SIGTERM)
	if code := n.status(t, 5*time.Second); code != 0 {
		t.Errorf("status %d", code)
	}
	nobodyIn(t, w.data)

	n = w.serve(t, "--http", strings.TrimPrefix(n.http, "http://"))
	if n.name != name {
		t.Errorf("the node is now called %s, was %s", n.name, name)
	}
	if diff := cmp.Diff(before, w.ended(t, story.CallID), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
	if got := page(t, me, n.http+"/calls/"+before.ID); got != 200 {
		t.Errorf("signed in before, the call's page is %d", got)
	}
	if out := w.apply(t); !strings.HasPrefix(out, "0 new, 0 changed, 0 withdrawn, ") {
		t.Errorf("the same documents again: %s", out)
	}
	if s := w.place(t, n, express, time.Second); !s.Heard {
		t.Errorf("the next call: %s", s)
	}
}

// TestDemoAgain starts the demo twice on the same data: the sign-in stays good.
func TestDemoAgain(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a node twice")
	}
	c := testConfig(t)
	var passwords []string
	for range 2 {
		a, password, err := startDemo(t.Context(), c, demoConfig{}, testLog(t))
		if err != nil {
			t.Fatal(err)
		}
		passwords = append(passwords, password)
		signIn(t, "http://"+a.httpAddr, "operator", password)
		users := len(a.book().Users)
		if err := a.life.stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if users == 0 {
			t.Error("nobody can sign in")
		}
	}
	if len(passwords[0]) < 12 || passwords[0] != passwords[1] {
		t.Errorf("passwords %q", passwords)
	}
}

// signIn returns a browser that is signed in.
func signIn(t *testing.T, base, user, password string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	me := &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := me.PostForm(base+"/signin", url.Values{"name": {user}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusSeeOther || strings.Contains(r.Header.Get("Location"), "signin") {
		t.Fatalf("signing in as %s: %s", user, r.Status)
	}
	return me
}

// page returns the status of a page.
func page(t *testing.T, me *http.Client, at string) int {
	t.Helper()
	r, err := me.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	return r.StatusCode
}
