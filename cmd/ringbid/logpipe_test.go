package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// stuck is a writer that takes nothing until it is let go.
type stuck struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	open chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.open
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func TestLogNeverWaits(t *testing.T) {
	t.Parallel()
	s := &stuck{open: make(chan struct{})}
	p := newLogPipe(s)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	began := time.Now()
	const lines = 2*logWaiting/1024 + 1
	for range lines {
		if n, err := p.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%v for lines that nobody takes", took)
	}
	close(s.open)
	p.flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.buf.String()
	kept := strings.Count(text, "x\n")
	if want := fmt.Sprintf(`"lines":%d}`, lines-kept); kept == 0 || !strings.Contains(text, want) {
		t.Errorf("%d lines kept of %d, and no word of the others: want %s", kept, lines, want)
	}
}

func TestLogKeepsTheOrder(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	p := newLogPipe(w)
	got := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		got <- string(all)
	}()
	want := ""
	for i := range 1000 {
		line := fmt.Sprintln(i)
		want += line
		_, _ = p.Write([]byte(line))
	}
	p.flush()
	_ = w.Close()
	if text := <-got; text != want {
		t.Errorf("%d bytes, want %d in order", len(text), len(want))
	}
}
