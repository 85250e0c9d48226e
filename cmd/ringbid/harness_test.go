package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store/storetest"
)

// TestMain lets the test binary be ringbid itself, for tests that need a process
// of its own: RINGBID_AS_MAIN makes it run the command line it was given.
func TestMain(m *testing.M) {
	if os.Getenv("RINGBID_AS_MAIN") != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// ringbidCommand returns a command that runs this program with the arguments.
func ringbidCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), "RINGBID_AS_MAIN=1")
	return cmd
}

// ports hands each test RTP ports of its own, below the kernel's and sim's.
var ports atomic.Int32

func rtpPorts() string {
	from := 20_000 + int(ports.Add(1)-1)%24*400
	return fmt.Sprintf("127.0.0.1:%d-%d", from, from+399)
}

// testConfig is a node on free ports of loopback with a data folder of its own.
func testConfig(t *testing.T) config {
	t.Helper()
	return config{
		Data: filepath.Join(storetest.Dir(t), "data"), SIP: "udp:127.0.0.1:0,tcp:127.0.0.1:0", RTP: rtpPorts(), HTTP: "127.0.0.1:0",
		Drain: 5 * time.Second, MaxCalls: 200, LogLevel: "info", fast: true,
	}
}

// testLog writes to the test's output.
func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// stage is a running demo: the app, its world and somebody to call from.
type stage struct {
	*app
	password string
	carrier  *sim.Carrier
}

// startStage runs the demo without its traffic.
func startStage(t *testing.T, c config) *stage {
	t.Helper()
	a, password, err := startDemo(t.Context(), c, demoConfig{}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	carrier, err := sim.NewCarrier(sim.CarrierConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := carrier.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := a.life.stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &stage{a, password, carrier}
}

// place makes a call with the usual answers and returns its story.
func (s *stage) place(t *testing.T, to string, hold time.Duration) sim.Story {
	t.Helper()
	story, err := s.carrier.Place(t.Context(), sim.Caller{
		From: newCaller(), To: to, Via: s.sipUDP(), Digits: "90210", Hold: hold,
	})
	if err != nil {
		t.Fatal(err)
	}
	return story
}

var callers atomic.Int32

// newCaller is somebody who has not called before.
func newCaller() string { return fmt.Sprintf("+1310555%04d", callers.Add(1)) }

// settled waits for the call's row to be final and returns all of it.
func (s *stage) settled(t *testing.T, sipCallID string) *ringbid.Call {
	t.Helper()
	var call *ringbid.Call
	eventually(t, 15*time.Second, "the call is settled", func() bool {
		var err error
		call, err = s.store.CallBySIP(t.Context(), sipCallID)
		return err == nil && call.State == ringbid.StateEnded
	})
	return call
}

// eventually looks until ok or the limit is over.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-end.C:
			t.Fatalf("not within %s: %s", limit, what)
		case <-look.C:
		}
	}
}
