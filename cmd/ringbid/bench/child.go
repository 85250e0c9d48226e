package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"
)

// A child reads its job as one JSON line from its standard input, answers with
// one line once it is ready and with one for each line that comes then, which is
// what it holds in memory, and ends when its input does.

// job is what a child is to set up.
type job struct {
	Calls   int      `json:"calls,omitempty"`
	Peers   []string `json:"peers,omitempty"`   // relay: two addresses a call; clock: one a stream
	Record  string   `json:"record,omitempty"`  // folder of recordings; empty = none
	Poll    bool     `json:"poll,omitempty"`    // relay: look for packets once a millisecond
	To      string   `json:"to,omitempty"`      // calls: where the buyers are
	Keys    int      `json:"keys,omitempty"`    // edge: how many are asked for before the call goes on
	Through bool     `json:"through,omitempty"` // edge: the caller is answered when the buyer is, not before
	Limit   int      `json:"limit,omitempty"`   // edge: calls at once
	Profile string   `json:"profile,omitempty"` // folder for its profiles; empty = none
}

// answer is what a child says.
type answer struct {
	Addrs []string `json:"addrs,omitempty"`
	Error string   `json:"error,omitempty"`
}

// roles are the programs a child can be: each sets up its job and returns the
// addresses it listens on and how to end.
func roles() map[string]func(job) ([]string, func(), error) {
	return map[string]func(job) ([]string, func(), error){
		"relay-floor": floorChild, "relay": relayChild, "calls-floor": forwardChild, "edge": edgeChild, "clock": clockChild,
	}
}

// Child serves the role until input ends.
func Child(role string, in io.Reader, out io.Writer) error {
	open, ok := roles()[role]
	if !ok {
		return fmt.Errorf("there is no role %q", role)
	}
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	var j job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	if j.Profile != "" {
		runtime.MemProfileRate = 512 // each call is to be seen
	}
	addrs, end, err := open(j)
	a := answer{Addrs: addrs}
	if err != nil {
		a.Error = err.Error()
	}
	written := profile(j.Profile, role)
	if err = errors.Join(json.NewEncoder(out).Encode(a), err); err != nil {
		return err
	}
	for err == nil {
		if _, err = lines.ReadBytes('\n'); err == nil {
			err = json.NewEncoder(out).Encode(held())
		}
	}
	written()
	end()
	return nil
}

// profile collects where the child spends its time until the returned function
// is called, which also writes what is in its memory.
func profile(dir, role string) func() {
	if dir == "" {
		return func() {}
	}
	name := func(kind string) string {
		return filepath.Join(dir, role+"-"+strconv.Itoa(os.Getpid())+"."+kind)
	}
	cpu, err := os.Create(name("cpu"))
	if err != nil || pprof.StartCPUProfile(cpu) != nil {
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = cpu.Close()
		runtime.GC() // the heap profile is that of the last collection
		for _, kind := range []string{"heap", "allocs", "goroutine"} {
			if f, err := os.Create(name(kind)); err == nil {
				_ = pprof.Lookup(kind).WriteTo(f, 0)
				_ = f.Close()
			}
		}
	}
}

// child is the parent's end.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
	addrs []string
}

// startChild runs a child of the role and has it set up its job.
func startChild(ctx context.Context, o Options, role string, j job) (*child, error) {
	j.Profile = o.Profile
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
	c := &child{cmd: cmd, in: in, out: json.NewDecoder(out)}
	var a answer
	if err = json.NewEncoder(in).Encode(j); err == nil {
		err = c.out.Decode(&a)
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	c.addrs = a.Addrs
	return c, nil
}

// holding is what a child holds in memory after a collection.
type holding struct {
	Heap   uint64 `json:"heap"`   // live objects, bytes
	Stacks uint64 `json:"stacks"` // of goroutines, bytes
}

func held() holding {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return holding{m.HeapAlloc, m.StackInuse}
}

// held asks the child what it holds.
func (c *child) held() (h holding, err error) {
	if _, err = c.in.Write([]byte{'\n'}); err == nil {
		err = c.out.Decode(&h)
	}
	return h, err
}

// pid is the process to be measured.
func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the child and waits for it.
func (c *child) stop() {
	_ = c.in.Close()
	kill := time.AfterFunc(10*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	_ = c.cmd.Wait()
}
