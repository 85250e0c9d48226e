package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ErrNotInstalled says that a peer's program is not on this machine.
var ErrNotInstalled = errors.New("not installed")

// Rtpengine is a running rtpengine that forwards in user space, with the client
// of its control protocol.
type Rtpengine struct {
	proc *process
	ctl  net.Conn
	n    int
}

// StartRtpengine runs rtpengine on an address, with its RTP ports and two worker
// threads; recordings as pcap go to dir. The error wraps ErrNotInstalled where
// there is none.
func StartRtpengine(ctx context.Context, ip netip.Addr, portMin, portMax int, dir string) (*Rtpengine, error) {
	port, err := freePort(ip)
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(ip, port).String()
	proc, err := start(ctx, dir, "rtpengine", "--table=-1", "--foreground", "--log-stderr", "--log-level=3",
		"--interface="+ip.String(), "--listen-ng="+at, "--port-min="+strconv.Itoa(portMin), "--port-max="+strconv.Itoa(portMax),
		"--num-threads=2", "--recording-dir="+dir, "--recording-method=pcap", "--pidfile="+dir+"/rtpengine.pid")
	if err != nil {
		return nil, err
	}
	r := &Rtpengine{proc: proc}
	if r.ctl, err = net.Dial("udp4", at); err == nil {
		err = proc.ready(func() error { return r.ask(map[string]any{"command": "ping"}, nil) })
	}
	if err != nil {
		r.Stop()
		return nil, fmt.Errorf("start rtpengine: %w", err)
	}
	return r, nil
}

// Pids returns the processes to be measured.
func (r *Rtpengine) Pids() []int { return r.proc.pids() }

// Stop ends it.
func (r *Rtpengine) Stop() {
	if r.ctl != nil {
		_ = r.ctl.Close()
	}
	r.proc.stop()
}

// Bridge sets up call i between two parties and returns where each of them is to
// send.
func (r *Rtpengine) Bridge(i int, a, b netip.AddrPort, record bool) (forA, forB netip.AddrPort, err error) {
	id := "load-" + strconv.Itoa(i)
	offer := map[string]any{"command": "offer", "call-id": id, "from-tag": "a", "sdp": describe(a),
		"ICE": "remove", "replace": []string{"origin", "session-connection"}}
	if record {
		offer["record call"] = "yes"
	}
	if forB, err = r.describe(offer); err != nil {
		return forA, forB, err
	}
	answer := map[string]any{"command": "answer", "call-id": id, "from-tag": "a", "to-tag": "b", "sdp": describe(b),
		"ICE": "remove", "replace": []string{"origin", "session-connection"}}
	forA, err = r.describe(answer)
	return forA, forB, err
}

// describe sends a description and returns the address in the one that comes
// back.
func (r *Rtpengine) describe(request map[string]any) (netip.AddrPort, error) {
	var sdp string
	if err := r.ask(request, &sdp); err != nil {
		return netip.AddrPort{}, err
	}
	at, ok := voiceAt([]byte(sdp))
	if !ok {
		return at, fmt.Errorf("rtpengine: no audio in %.200q", sdp)
	}
	return at, nil
}

// ask sends one command; sdp takes what comes back, where it is wanted.
func (r *Rtpengine) ask(request map[string]any, sdp *string) error {
	r.n++
	cookie := strconv.Itoa(r.n) + "_load"
	var b strings.Builder
	b.WriteString(cookie + " ")
	bencode(&b, request)
	if _, err := r.ctl.Write([]byte(b.String())); err != nil {
		return err
	}
	buf := make([]byte, 65536)
	_ = r.ctl.SetReadDeadline(time.Now().Add(2 * time.Second))
	for {
		n, err := r.ctl.Read(buf)
		if err != nil {
			return fmt.Errorf("rtpengine %v: %w", request["command"], err)
		}
		rest, ours := strings.CutPrefix(string(buf[:n]), cookie+" ")
		if !ours {
			continue // the answer to an earlier try
		}
		v, err := bdecode(rest)
		if err != nil {
			return fmt.Errorf("rtpengine %v: %w", request["command"], err)
		}
		answer, _ := v.(map[string]any)
		if result, _ := answer["result"].(string); result != "ok" && result != "pong" {
			return fmt.Errorf("rtpengine %v: %v", request["command"], answer["error-reason"])
		}
		if sdp != nil {
			*sdp, _ = answer["sdp"].(string)
		}
		return nil
	}
}

// freePort finds a port that is free for UDP now.
func freePort(ip netip.Addr) (uint16, error) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
}

// installed returns the path of a peer's program.
func installed(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, ErrNotInstalled)
	}
	return path, nil
}
