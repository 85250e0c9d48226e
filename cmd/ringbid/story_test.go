package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
)

// TestStoriesAgree places calls by the command line and holds what it prints,
// as text and as JSON, against the row and the call's page.
func TestStoriesAgree(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes calls of half a minute")
	}
	s := startStage(t, testConfig(t))
	tests := []struct {
		number string
		status int
		args   []string
	}{
		{"+18005550100", 0, []string{"--json"}},
		{"+18005550101", 0, nil},
		{"+18005550102", 1, []string{"--json"}},
	}
	for _, tt := range tests {
		t.Run(tt.number[8:], func(t *testing.T) {
			t.Parallel()
			from := newCaller()
			cmd := ringbidCommand(t, append([]string{"call", tt.number, "--via", s.sipUDP(), "--from", from, "--digits", "90210",
				"--hold", "4s", "--data", s.cfg.Data}, tt.args...)...)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != tt.status || errs.Len() > 0 {
				t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
			}
			c := s.calledBy(t, from)
			if tt.args == nil {
				printed(t, out.String(), c)
			} else {
				encoded(t, out.Bytes(), c)
			}
			s.onPage(t, c)
		})
	}
}

// calledBy returns the settled call of the caller.
func (s *stage) calledBy(t *testing.T, from string) *ringbid.Call {
	t.Helper()
	calls, err := s.store.Whole(t.Context(), nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		if string(calls[i].Caller) == from && calls[i].State == ringbid.StateEnded {
			return &calls[i]
		}
	}
	t.Fatalf("no settled call from %s among %d", from, len(calls))
	return nil
}

// printed checks the story for people, line by line.
func printed(t *testing.T, story string, c *ringbid.Call) {
	t.Helper()
	want := []string{
		fmt.Sprintf("call %s: %s (%s)", c.ID, c.Outcome, c.Reason.Text),
		fmt.Sprintf("money earned %s %s, paid %s; %s", c.Sale.Revenue, c.Sale.Currency, c.Sale.Payout, c.Sale.Rule),
		fmt.Sprintf("recorded %.1f s, 2 channels, sha256 %s %s", float64(c.Recording.MS)/1000, c.Recording.SHA256, c.Recording.Path),
	}
	for _, st := range c.Steps {
		want = append(want, fmt.Sprintf("flow %s %s %s", st.Node, st.Type, st.Answer))
	}
	for _, b := range c.Auction.Bids {
		want = append(want, fmt.Sprintf("bid %s %s %s %s", b.Name, b.State, b.Amount, b.Reason))
	}
	for _, l := range c.Legs {
		if l.Side == "buyer" {
			want = append(want, fmt.Sprintf("leg %s %s %d %s", l.Target, l.Verdict, l.Status, l.Reason))
		}
	}
	plain := strings.Join(strings.Fields(story), " ")
	for _, line := range want {
		if !strings.Contains(plain, strings.Join(strings.Fields(line), " ")) {
			t.Errorf("the story does not say %q:\n%s", line, story)
		}
	}
}

// encoded checks the story for programs: the stored call in it is the row, and
// what the caller measured is what the platform measured.
func encoded(t *testing.T, story []byte, c *ringbid.Call) {
	t.Helper()
	var got callStory
	if err := json.Unmarshal(story, &got); err != nil {
		t.Fatalf("%v: %s", err, story)
	}
	if got.Stored == nil {
		t.Fatal("the story has no stored call")
	}
	if diff := cmp.Diff(roundTrip(t, c), got.Stored); diff != "" {
		t.Errorf("row and story: %s", diff)
	}
	bridged := c.Outcome == ringbid.OutcomeBridged
	if got.Bridged != bridged || got.Heard != bridged || got.CallID != c.SIPCallID {
		t.Errorf("bridged %v, heard %v, outcome %s", got.Bridged, got.Heard, c.Outcome)
	}
	type span struct {
		name           string
		heard, counted int64 // ms
		within         int64
	}
	spans := []span{
		{"until the answer", got.AnswerMS, c.Answered.Sub(c.Received).Milliseconds(), 200},
		{"whole", got.EndMS, c.Ended.Sub(c.Received).Milliseconds(), 300},
		{"recorded", got.EndMS - got.AnswerMS, c.Recording.MS, 300},
	}
	if bridged {
		// The caller is certain of a voice only after a moment.
		spans = append(spans, span{"talk", got.EndMS - got.HeardMS, c.ConnectedMS, 900})
	}
	for _, x := range spans {
		if d := x.heard - x.counted; d < -x.within || d > x.within {
			t.Errorf("%s: the caller measured %d ms, the row says %d", x.name, x.heard, x.counted)
		}
	}
}

// roundTrip is the call as JSON keeps it.
func roundTrip(t *testing.T, c *ringbid.Call) *ringbid.Call {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out := new(ringbid.Call)
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}

var tags = regexp.MustCompile(`<[^>]*>`)

// onPage checks that the call's page has the row's figures, and its facts to
// save are the row.
func (s *stage) onPage(t *testing.T, c *ringbid.Call) {
	t.Helper()
	client := s.client(t, "operator")
	_, body := s.get(t, client, "/calls/"+c.ID, "")
	page := strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(string(body), " "))), " ")
	want := []string{
		"Revenue " + web.Cash(c.Sale.Revenue, c.Sale.Currency), "Payout " + web.Cash(c.Sale.Payout, c.Sale.Currency),
		c.Sale.Rule, web.Span(time.Duration(c.Recording.MS)*time.Millisecond) + ", caller left, agent and prompts right",
		"closed: " + c.Auction.CloseWhy, c.Reason.Text,
	}
	for _, b := range c.Auction.Bids {
		want = append(want, b.Name, b.Reason)
		if b.Amount > 0 {
			want = append(want, web.Cash(b.Amount, c.Sale.Currency))
		}
	}
	for _, l := range c.Legs {
		if l.Side == "buyer" {
			want = append(want, "buyer "+l.Target+" "+l.Trunk, fmt.Sprintf("%s %d %s", console.VerdictText(l.Verdict), l.Status, l.Reason))
		}
	}
	if c.Outcome == ringbid.OutcomeBridged {
		want = append(want, "talked "+web.Span(time.Duration(c.ConnectedMS)*time.Millisecond))
	}
	for _, x := range want {
		if !strings.Contains(page, x) {
			t.Errorf("the page does not say %q", x)
		}
	}
	_, facts := s.get(t, client, "/calls/"+c.ID+"/facts.json", "")
	saved := new(ringbid.Call)
	if err := json.Unmarshal(facts, saved); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(roundTrip(t, c), saved); diff != "" {
		t.Errorf("row and page: %s", diff)
	}
	s.captured(t, client, c)
}

// captured checks that the capture on the page holds every leg's INVITE, and
// packets of the audio without their sound.
func (s *stage) captured(t *testing.T, client *http.Client, c *ringbid.Call) {
	t.Helper()
	res, pcap := s.get(t, client, "/calls/"+c.ID+"/capture.pcap", "")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/vnd.tcpdump.pcap" {
		t.Fatalf("capture: %s", res.Status)
	}
	for _, l := range c.Legs {
		if !bytes.Contains(pcap, []byte("Call-ID: "+l.SIPCallID+"\r\n")) {
			t.Errorf("the capture has no message of %s %s", l.Side, l.Target)
		}
	}
	headers, whole := 0, 0
	for b := pcap[24:]; len(b) > 16; {
		kept, size := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
		if size == 200 { // 20 ms of G.711
			whole++
			if kept == 40 {
				headers++
			}
		}
		b = b[min(len(b), 16+int(kept)):]
	}
	if headers < 50 || headers != whole {
		t.Errorf("%d packets of audio, %d of them with their header only", whole, headers)
	}
}
