package siptest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Sipp is a foreign party: one scenario, played by sipp (Debian package
// sip-tester).
type Sipp struct {
	t    testing.TB
	name string
	// Addr is where it listens, "127.0.0.1:port".
	Addr string
	cmd  *exec.Cmd
	out  Output
	done chan error
}

// StartSipp plays the scenario of a file once; args are added to sipp's command
// line and win over the defaults (-m 1, a limit of 20 s). In the scenario
// [file] is a µ-law file of the tone and [pcap] a capture of it with the keys
// 90210 as events of payload type 96. A scenario whose name begins with "uac"
// calls at once; any other is awaited until it listens.
func StartSipp(t testing.TB, scenario string, hz float64, args ...string) *Sipp {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipp") // sipp splits its parameters at the commas of a test's name
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(scenario)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"tone.ulaw": Tone(hz, 2*time.Second), "speech.pcap": Pcap(Speech(hz, 5*time.Second, "90210"))} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text = bytes.ReplaceAll(text, []byte("[pcap]"), []byte(filepath.Join(dir, "speech.pcap")))
	text = bytes.ReplaceAll(text, []byte("[file]"), []byte(filepath.Join(dir, "tone.ulaw")))
	file := filepath.Join(dir, filepath.Base(scenario))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	port, audio := FreePort(t), FreePort(t)
	if i := slices.Index(args, "-p"); i >= 0 && i+1 < len(args) {
		port, _ = strconv.Atoi(args[i+1])
	}
	s := &Sipp{t: t, name: filepath.Base(scenario), Addr: Loopback(port), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	all := append([]string{"-sf", file, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", strconv.Itoa(port), "-mp", strconv.Itoa(audio),
		"-m", "1", "-nostdin", "-trace_err", "-timeout", "20s", "-timeout_error"}, args...)
	s.cmd = exec.CommandContext(ctx, "sipp", all...)
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "TERM=dumb")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		cancel()
		t.Fatalf("sipp (Debian package sip-tester): %v", err)
	}
	ended := make(chan struct{})
	go func() {
		s.done <- s.cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended // it writes into the folder
		_ = os.RemoveAll(dir)
	})
	if !strings.HasPrefix(s.name, "uac") {
		Eventually(t, s.name+" to listen", func() bool {
			select {
			case <-ended:
				t.Fatalf("%s ended at once: %s", s.name, s.Log())
			default:
			}
			return Listens(s.Addr)
		})
	}
	return s
}

// Listens reports whether something has bound the address, UDP or TCP, without
// getting in its way: it reads the kernel's tables.
func Listens(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return false
	}
	want := fmt.Sprintf(":%04X ", n)
	for _, file := range []string{"/proc/net/udp", "/proc/net/tcp", "/proc/net/udp6", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 3 && strings.HasSuffix(fields[1]+" ", want) {
				return true
			}
		}
	}
	return false
}

// Passes waits for the scenario to end as it is written.
func (s *Sipp) Passes() {
	s.t.Helper()
	if err := Receive(s.t, s.name, s.done); err != nil {
		s.t.Errorf("%s: %v\n%s", s.name, err, s.Log())
	}
}

// Log returns what sipp complained of, and the end of its screen.
func (s *Sipp) Log() string {
	files, _ := filepath.Glob(filepath.Join(s.cmd.Dir, "*errors.log"))
	var text []byte
	for _, f := range files {
		b, _ := os.ReadFile(f)
		text = append(text, b...)
	}
	tail := s.out.String()
	return string(text) + "\n" + tail[max(0, len(tail)-2000):]
}
