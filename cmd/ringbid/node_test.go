package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// node is a ringbid in a process of its own.
type node struct {
	cmd   *exec.Cmd
	began time.Time
	ready chan struct{} // closed by the ready line
	gone  chan struct{} // closed when the process has ended
	after time.Duration // from the start to the ready line
	sip   string        // "ip:port" for UDP
	http  string        // URL
	name  string

	mu     sync.Mutex
	stderr []string
}

// launch starts the command line as a process of its own. The end of the test
// ends it politely.
func launch(t *testing.T, args ...string) *node {
	t.Helper()
	n := &node{cmd: ringbidCommand(t, args...), began: time.Now(), ready: make(chan struct{}), gone: make(chan struct{})}
	n.cmd.Cancel = func() error { return n.cmd.Process.Signal(syscall.SIGTERM) }
	n.cmd.WaitDelay = 40 * time.Second
	out, in := io.Pipe()
	n.cmd.Stderr = in
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { defer close(read); n.read(out) }()
	go func() {
		defer close(n.gone)
		_ = n.cmd.Wait()
		_ = in.Close()
		<-read
	}()
	t.Cleanup(func() {
		<-n.gone
		if t.Failed() {
			t.Logf("%v wrote:\n%s", args, strings.Join(n.lines(), "\n"))
		}
	})
	return n
}

// read keeps what the process writes and finds the ready line in it.
func (n *node) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		n.mu.Lock()
		n.stderr = append(n.stderr, lines.Text())
		n.mu.Unlock()
		var l struct {
			Msg, HTTP, Node string
			SIP             []string
		}
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Msg != "ready" {
			continue
		}
		n.after, n.http, n.name = time.Since(n.began), l.HTTP, l.Node
		for _, s := range l.SIP {
			if addr, ok := strings.CutPrefix(s, "udp:"); ok {
				n.sip = addr
			}
		}
		close(n.ready)
	}
	_, _ = io.Copy(io.Discard, r)
}

func (n *node) lines() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.stderr...)
}

// complaint returns what the process said beside its log.
func (n *node) complaint() []string {
	var out []string
	for _, l := range n.lines() {
		if !strings.HasPrefix(l, "{") {
			out = append(out, l)
		}
	}
	return out
}

// status waits for the end of the process and returns its exit status, -1 for
// a signal.
func (n *node) status(t *testing.T, limit time.Duration) int {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	select {
	case <-n.gone:
	case <-end.C:
		t.Fatalf("the process has not ended after %s", limit)
	}
	return n.cmd.ProcessState.ExitCode()
}

func (n *node) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// readyz returns the status of the node's /readyz, 0 where nobody answers.
func (n *node) readyz() int {
	client := http.Client{Timeout: 2 * time.Second}
	r, err := client.Get(n.http + "/readyz")
	if err != nil {
		return 0
	}
	_ = r.Body.Close()
	return r.StatusCode
}

// inside returns the processes that work in the folder or run from it, as
// "pid name".
func inside(folder string) []string {
	var out []string
	cwds, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range cwds {
		cwd, err := os.Readlink(link)
		if err != nil || cwd != folder && !strings.HasPrefix(cwd, folder+"/") {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "comm"))
		out = append(out, fmt.Sprintf("%s %s", filepath.Base(filepath.Dir(link)), bytes.TrimSpace(comm)))
	}
	return out
}

// nobodyIn checks that no process is left in the folder.
func nobodyIn(t *testing.T, folder string) {
	t.Helper()
	left := inside(folder)
	if len(left) == 0 {
		return
	}
	t.Errorf("left in the data folder: %v", left)
	eventually(t, 20*time.Second, "they are gone", func() bool { return len(inside(folder)) == 0 })
}
