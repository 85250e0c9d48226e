package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A child reads one JSON line per request from its standard input and answers
// each with one line. It ends when its input does.

// request is what the parent asks a child.
type request struct {
	Start *job `json:"start,omitempty"` // first: set up and say where you listen
	CPU   bool `json:"cpu,omitempty"`   // processor time used so far
}

// job is what a child is to set up.
type job struct {
	Calls int      `json:"calls"`
	Peers []string `json:"peers,omitempty"` // relay: two addresses a call
	Dir   string   `json:"dir,omitempty"`   // recordings
	To    string   `json:"to,omitempty"`    // setup: where the buyer is
}

// answer is what a child says.
type answer struct {
	Addrs  []string `json:"addrs,omitempty"`
	CPU    float64  `json:"cpu,omitempty"` // seconds
	Memory int64    `json:"memory,omitempty"`
	Error  string   `json:"error,omitempty"`
}

// roles are the programs a child can be: each sets up its job and returns the
// addresses it listens on and how to end.
func roles() map[string]func(job) ([]string, func(), error) {
	return map[string]func(job) ([]string, func(), error){
		"relay": relayChild, "recorded": recordedChild, "relay-floor": floorChild,
		"setup": setupChild, "setup-floor": echoChild,
	}
}

// Child serves the role until input ends.
func Child(role string, in io.Reader, out io.Writer) error {
	open, ok := roles()[role]
	if !ok {
		return fmt.Errorf("there is no role %q", role)
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	enc := json.NewEncoder(out)
	var end func()
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		var a answer
		if r.Start != nil {
			var err error
			if a.Addrs, end, err = open(*r.Start); err != nil {
				a.Error = err.Error()
			}
		}
		if r.CPU {
			a.CPU, a.Memory = usage()
		}
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	if end != nil {
		end()
	}
	return lines.Err()
}

// usage returns the process's user and system time in seconds, together, and
// its greatest resident size in bytes.
func usage() (seconds float64, memory int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds(), u.Maxrss << 10
}

// child is the parent's end.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	addrs []string
}

// startChild runs a child of the role and has it set up its job.
func startChild(ctx context.Context, o Options, role string, j job) (*child, error) {
	args := o.Self(role)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	c.out.Buffer(nil, 1<<20)
	a, err := c.ask(request{Start: &j})
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	c.addrs = a.Addrs
	return c, nil
}

func (c *child) ask(r request) (answer, error) {
	var a answer
	if err := json.NewEncoder(c.in).Encode(r); err != nil {
		return a, err
	}
	if !c.out.Scan() {
		return a, fmt.Errorf("the child ended: %w", cmpErr(c.out.Err(), io.ErrUnexpectedEOF))
	}
	if err := json.Unmarshal(c.out.Bytes(), &a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, fmt.Errorf("%s", a.Error)
	}
	return a, nil
}

// cpu returns the processor seconds the child used so far.
func (c *child) cpu() (float64, error) {
	a, err := c.ask(request{CPU: true})
	return a.CPU, err
}

// stop ends the child and waits for it.
func (c *child) stop() {
	_ = c.in.Close()
	kill := time.AfterFunc(10*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	_ = c.cmd.Wait()
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
