package trade

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// postOffice is a mail server that fails at the stage it is told to.
type postOffice struct {
	addr string
	mu   sync.Mutex
	at   string
	say  string
	mail map[string]int // letters taken, by lead
	all  []string       // letters taken
	bad  string         // a recipient who is unknown
	open sync.WaitGroup
	quit chan struct{}
}

func newPost(t *testing.T) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{addr: l.Addr().String(), mail: map[string]int{}, quit: make(chan struct{})}
	p.open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.open.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() { close(p.quit); _ = l.Close(); p.open.Wait() })
	return p
}

func (p *postOffice) fail(at, say string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.say = at, say
}

func (p *postOffice) taken(lead string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mail[lead]
}

// refuse names a recipient who is unknown.
func (p *postOffice) refuse(recipient string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bad = recipient
}

func (p *postOffice) refuses(line string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bad != "" && strings.Contains(line, p.bad)
}

// letters returns what was taken since it was asked last, as it came.
func (p *postOffice) letters() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.all
	p.all = nil
	return out
}

// answer says what is said at a stage; false hangs up.
func (p *postOffice) answer(conn net.Conn, stage, usual string) bool {
	p.mu.Lock()
	say := usual
	if p.at == stage {
		say = p.say
	}
	p.mu.Unlock()
	switch say {
	case "drop":
		_ = conn.(*net.TCPConn).SetLinger(0)
		return false
	case "hang":
		<-p.quit
		return false
	}
	_, err := fmt.Fprintf(conn, "%s\r\n", say)
	return err == nil && !strings.HasPrefix(say, "421")
}

var leadHeader = regexp.MustCompile(`(?mi)^X-Lead-Id: (\S+)`)

func (p *postOffice) serve(conn net.Conn) {
	defer conn.Close()
	go func() { <-p.quit; _ = conn.Close() }()
	in := bufio.NewScanner(conn)
	in.Buffer(nil, 1<<20)
	if !p.answer(conn, "HELLO", "220 post.example ready") {
		return
	}
	for in.Scan() {
		verb := strings.ToUpper(strings.SplitN(in.Text(), " ", 2)[0])
		if i := strings.IndexByte(verb, ':'); i > 0 {
			verb = verb[:i]
		}
		usual := "250 ok"
		switch verb {
		case "QUIT":
			usual = "221 bye"
		case "DATA":
			usual = "354 go on"
		case "RCPT":
			if p.refuses(in.Text()) {
				usual = "550 5.1.1 no such user"
			}
		}
		if !p.answer(conn, verb, usual) {
			return
		}
		if verb != "DATA" || p.failing("DATA") {
			continue
		}
		p.keep(in)
		if !p.answer(conn, "dot", "250 2.0.0 queued as Q1") {
			return
		}
	}
}

func (p *postOffice) failing(stage string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at == stage
}

// keep reads a letter to its dot.
func (p *postOffice) keep(in *bufio.Scanner) {
	var letter strings.Builder
	for in.Scan() && in.Text() != "." {
		letter.WriteString(in.Text() + "\n")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, letter.String())
	if m := leadHeader.FindStringSubmatch(letter.String()); m != nil {
		p.mail[m[1]]++
	}
}
