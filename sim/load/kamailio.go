package load

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed kamailio.cfg
var kamailioConfig string

// Kamailio is a running kamailio: a stateful proxy that stays in the route of
// the dialogs and knows one way out.
type Kamailio struct {
	proc *process
	at   netip.AddrPort
}

// StartKamailio runs kamailio on an address with two workers; what it gets goes
// on to the buyers. dir is for its files. The error wraps ErrNotInstalled where
// there is none.
func StartKamailio(ctx context.Context, ip netip.Addr, buyers, dir string) (*Kamailio, error) {
	port, err := freePort(ip)
	if err != nil {
		return nil, err
	}
	k := &Kamailio{at: netip.AddrPortFrom(ip, port)}
	cfg := strings.NewReplacer("@LISTEN@", k.at.String(), "@BUYERS@", buyers).Replace(kamailioConfig)
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(cfg), 0o644); err != nil {
		return nil, err
	}
	if k.proc, err = start(ctx, dir, "kamailio", "-DD", "-E", "-m", "128", "-f", file, "-P", filepath.Join(dir, "kamailio.pid"), "-Y", dir); err != nil {
		return nil, err
	}
	if err := k.proc.ready(k.ping); err != nil {
		k.Stop()
		return nil, fmt.Errorf("start kamailio: %w", err)
	}
	return k, nil
}

// ping asks it for its options.
func (k *Kamailio) ping() error {
	c, err := net.Dial("udp4", k.at.String())
	if err != nil {
		return err
	}
	defer c.Close()
	at := c.LocalAddr().String()
	msg := "OPTIONS sip:" + k.at.String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + at + ";branch=z9hG4bKping;rport\r\nMax-Forwards: 70\r\n" +
		"From: <sip:ping@" + at + ">;tag=1\r\nTo: <sip:" + k.at.String() + ">\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	if _, err := c.Write([]byte(msg)); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, err = c.Read(make([]byte, 4096))
	return err
}

// Addr returns where callers send their calls.
func (k *Kamailio) Addr() netip.AddrPort { return k.at }

// Pids returns the processes to be measured.
func (k *Kamailio) Pids() []int { return k.proc.pids() }

// Stop ends it.
func (k *Kamailio) Stop() { k.proc.stop() }
