package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wants checks that a process ended with status 1 and one clear line on
// standard error.
func (n *node) wants(t *testing.T, parts ...string) {
	t.Helper()
	code := n.status(t, 40*time.Second)
	line := strings.Join(n.complaint(), "\n")
	if code != 1 || !strings.HasPrefix(line, "ringbid: ") || strings.Count(line, "\n") > 0 || len(line) > 500 {
		t.Errorf("status %d, and said:\n%s", code, line)
	}
	for _, p := range parts {
		if !strings.Contains(line, p) {
			t.Errorf("it does not say %q:\n%s", p, line)
		}
	}
	t.Log(line)
}

// TestSecondInstance starts a second one beside a node, on its data folder and
// on its ports. Each ends with a clear line, and the first one takes calls.
func TestSecondInstance(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts several nodes")
	}
	w := newTown(t)
	first := w.serve(t)
	w.apply(t)
	other := func(data, sip, http string) *node {
		return launch(t, "serve", "--data", data, "--sip", sip, "--rtp", rtpPorts(), "--http", http)
	}
	const free = "127.0.0.1:0"
	http := strings.TrimPrefix(first.http, "http://")
	elsewhere := func() string { return filepath.Join(t.TempDir(), "data") }
	sameSIP, sameHTTP := elsewhere(), elsewhere()
	for _, x := range []struct {
		n     *node
		parts []string
	}{
		{other(w.data, "udp:"+free, free), []string{"another ringbid", w.data}},
		{other(sameSIP, "udp:"+first.sip, free), []string{first.sip, "address already in use"}},
		{other(sameHTTP, "udp:"+free, http), []string{http, "address already in use"}},
	} {
		x.n.wants(t, x.parts...)
	}
	nobodyIn(t, sameSIP)
	nobodyIn(t, sameHTTP)
	if s := w.place(t, first, express, time.Second); !s.Heard {
		t.Errorf("the first one was harmed: %s", s)
	}
	if first.readyz() != 200 {
		t.Error("the first one is not ready any more")
	}
	first.signal(t, syscall.SIGTERM)
	if code := first.status(t, 10*time.Second); code != 0 {
		t.Errorf("the first one ended with %d", code)
	}
}

// TestBadSettings shows what an operator is told, before anything is started.
func TestBadSettings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	for name, x := range map[string]struct {
		args []string
		want string
	}{
		"all addresses":  {[]string{"--sip", "udp:0.0.0.0:5060"}, `--sip "udp:0.0.0.0:5060": name one address of this machine`},
		"not a listener": {[]string{"--sip", "5060"}, `--sip "5060" is not udp:IP:PORT, or tcp, tls, ws or wss:IP:PORT`},
		"a name":         {[]string{"--sip", "udp:localhost:5060"}, `--sip "udp:localhost:5060" is not udp:IP:PORT`},
		"no range":       {[]string{"--rtp", "127.0.0.1:20000"}, `--rtp "127.0.0.1:20000" is not IP:FROM-TO`},
		"backwards":      {[]string{"--rtp", "127.0.0.1:30000-20000"}, "is not IP:FROM-TO"},
		"no such level":  {[]string{"--log-level", "loud"}, `--log-level "loud" is not debug, info, warn or error`},
		"no port":        {[]string{"--http", "localhost"}, `--http "localhost" is not IP:PORT`},
		"no calls":       {[]string{"--max-calls", "0"}, "--max-calls 0 is less than one"},
		"not a number":   {[]string{"--max-calls", "many"}, "--max-calls"},
		"advertised":     {[]string{"--advertise", "here"}, `--advertise "here" is not an address`},
		"unknown flag":   {[]string{"--verbose"}, "--verbose"},
		"a file's child": {[]string{"--data", filepath.Join(file, "data")}, file},
		"no database":    {[]string{"--database-url", "postgres://ringbid@127.0.0.1:1/ringbid"}, "127.0.0.1:1"},
		"no such host":   {[]string{"--database-url", "postgres://ringbid@db.invalid/ringbid"}, "db.invalid"},
		"not a database": {[]string{"--database-url", "mysql://db"}, "dsn"},
		"not a bucket":   {[]string{"--recordings", "ftp://calls"}, "ftp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && name != "all addresses" {
				t.Skip("starts a process")
			}
			mine := filepath.Join(data, strings.ReplaceAll(name, " ", "-"))
			n := launch(t, append([]string{"serve", "--data", mine, "--sip", "udp:127.0.0.1:0", "--http", "127.0.0.1:0", "--rtp", rtpPorts()}, x.args...)...)
			n.wants(t, x.want)
			nobodyIn(t, mine)
		})
	}
}

// TestBadEnvironment shows that a setting in the environment is not passed over
// because it cannot be read.
func TestBadEnvironment(t *testing.T) {
	for name, value := range map[string]string{"RINGBID_MAX_CALLS": "many", "RINGBID_DRAIN": "soon", "RINGBID_LOG_LEVEL": "loud", "RINGBID_SIP": "all"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			t.Setenv("RINGBID_DATA", filepath.Join(t.TempDir(), "data"))
			launch(t, "serve").wants(t, value)
		})
	}
}
