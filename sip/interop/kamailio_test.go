package interop

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/siptest"
)

// kamailio is a running proxy.
type kamailio struct {
	Output siptest.Output
}

// startKamailio runs kamailio (Debian packages kamailio, kamailio-tls-modules
// and kamailio-websocket-modules) with a configuration that names its listen
// lines itself, and waits until it takes TCP connections at ready, "ip:port".
func startKamailio(t *testing.T, cfg, ready string) *kamailio {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "kamailio.cfg")
	const head = `#!KAMAILIO
log_stderror=yes
debug=1
children=1
tcp_children=1
auto_aliases=no
disable_core_dump=yes
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
`
	if err := os.WriteFile(file, []byte(head+cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &kamailio{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "kamailio", "-DD", "-E", "-f", file, "-Y", dir, "-w", dir, "-m", "32", "-M", "4")
	cmd.Stdout, cmd.Stderr = &k.Output, &k.Output
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // its children go with it
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("kamailio (Debian package kamailio): %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was stopped
		if t.Failed() {
			t.Log(k.Output.String())
		}
	})
	siptest.Eventually(t, "kamailio", func() bool {
		c, err := net.DialTimeout("tcp", ready, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return k
}
