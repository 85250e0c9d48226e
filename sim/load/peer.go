package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a peer that runs beside us and ends with us.
type process struct {
	cmd  *exec.Cmd
	said *tail
	done chan struct{} // closed when it has ended
}

// start runs a program of the system in a folder, where it leaves what it likes.
func start(ctx context.Context, dir, name string, args ...string) (*process, error) {
	path, err := installed(name)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, path, args...), said: &tail{}, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, p.said, p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { defer close(p.done); _ = p.cmd.Wait() }()
	return p, nil
}

// ready tries until it answers, 10 s at the most.
func (p *process) ready(try func() error) error {
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %s", p.said)
		case <-limit.C:
			return errors.Join(err, fmt.Errorf("it said: %s", p.said))
		case <-pause.C:
		}
	}
}

func (p *process) pids() []int { return Family(p.cmd.Process.Pid) }

// stop ends it, by force after three seconds.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	t := time.NewTimer(3 * time.Second)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
		for _, pid := range p.pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-p.done
	}
}

// tail keeps the last of what a process says.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 2048

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
