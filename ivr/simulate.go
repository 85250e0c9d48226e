package ivr

import (
	"context"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// simulatedNumber is from the range kept for examples (NANP 555-01XX).
const simulatedNumber ringbid.Phone = "+18005550100"

// Simulate walks a flow without a call and returns the steps taken, with the
// tags as the number's own and the tag "caller" as the caller's number.
//
// Keys are what the caller presses, in order. A space stands between the
// answers of two questions and may be left out, a comma is a question that
// times out, and a dash a dial node at which nobody takes the call; any other
// dial is answered, and the buyer hangs up at once. Waits take no time. Hours
// are those of the moment. An unsound flow is an Invalid error.
func Simulate(f *ringbid.Flow, keys string, tags ringbid.TagMap) ([]ringbid.Step, error) {
	if problems := append(f.Validate(), Check(f)...); len(problems) > 0 {
		return nil, ringbid.Errorf(ringbid.Invalid, "simulate flow: %s", problems[0])
	}
	s := &simulation{keys: keys, caller: "+12125550123", book: simulatedBook(f, tags)}
	if v, ok := tags.Get("caller"); ok {
		caller, err := ringbid.ParsePhone(v)
		if err != nil {
			return nil, ringbid.Errorf(ringbid.Invalid, "simulate flow: %w", err)
		}
		s.caller = caller
	}
	return New(Config{Market: s, Directory: s}).Run(context.Background(), s).Steps, nil
}

func simulatedBook(f *ringbid.Flow, tags ringbid.TagMap) *ringbid.Book {
	const name = "simulation"
	flow := *f
	flow.Nodes = append([]ringbid.Node(nil), f.Nodes...)
	for i := range flow.Nodes {
		if flow.Nodes[i].Type == ringbid.NodeVoicemail {
			flow.Nodes[i].MaxLength = 1 // nobody waits for a simulated message
		}
	}
	return &ringbid.Book{
		Numbers:   map[ringbid.Phone]*ringbid.Number{simulatedNumber: {Number: simulatedNumber, Campaign: name, Tags: tags}},
		Campaigns: map[string]*ringbid.Campaign{name: {Name: name, Flow: f.Name}},
		Flows:     map[string]*ringbid.Flow{f.Name: &flow},
		Targets:   map[string]*ringbid.Target{name: {Name: name}},
	}
}

// simulation is caller, market and directory in one.
type simulation struct {
	keys   string
	caller ringbid.Phone
	book   *ringbid.Book
}

// Invite says that the simulated call arrived just now.
func (s *simulation) Invite() ringbid.Invite {
	return ringbid.Invite{CallID: "simulation", Number: simulatedNumber, Caller: s.caller, Received: time.Now()}
}

// Answer does nothing.
func (s *simulation) Answer(context.Context, bool) error { return nil }

// Ring does nothing.
func (s *simulation) Ring() {}

// Play does nothing.
func (s *simulation) Play(context.Context, ringbid.Audio, bool) error { return nil }

// Hangup does nothing.
func (s *simulation) Hangup(context.Context, ringbid.Reason) error { return nil }

// Gather takes the next keys for one question.
func (s *simulation) Gather(_ context.Context, g ringbid.Gather) (string, error) {
	s.keys = strings.TrimLeft(s.keys, " ")
	taken := 0
	for taken < len(s.keys) && taken < g.Max {
		k := s.keys[taken]
		if k == ' ' || k == ',' || k == '-' || k == g.Terminator {
			break
		}
		taken++
	}
	digits := s.keys[:taken]
	s.keys = s.keys[taken:]
	if taken < g.Max && s.keys != "" && (s.keys[0] == ',' || s.keys[0] == g.Terminator) {
		s.keys = s.keys[1:]
	}
	return digits, nil
}

// Dial is answered, unless the keys say otherwise.
func (s *simulation) Dial(context.Context, ringbid.Dial) ringbid.Attempt {
	return ringbid.Attempt{Verdict: ringbid.VerdictAnswered}
}

// Bridge ends at once, by the buyer.
func (s *simulation) Bridge(context.Context, time.Duration) ringbid.Talk {
	return ringbid.Talk{Started: time.Now(), EndedBy: byBuyer}
}

// Open returns the simulated auction.
func (s *simulation) Open(context.Context, ringbid.Ask) Auction { return s }

// Offer does nothing.
func (s *simulation) Offer(ringbid.TagMap) {}

// Award gives the one simulated bid, or nothing where a dash is next.
func (s *simulation) Award(context.Context) (ringbid.Award, bool) {
	s.keys = strings.TrimLeft(s.keys, " ")
	if rest, nobody := strings.CutPrefix(s.keys, "-"); nobody {
		s.keys = rest
		return ringbid.Award{}, false
	}
	return ringbid.Award{Target: "simulation"}, true
}

// Report does nothing.
func (s *simulation) Report(ringbid.Award, ringbid.Attempt) {}

// Done returns an empty record.
func (s *simulation) Done(time.Duration) ringbid.Auction { return ringbid.Auction{} }

// Book returns the simulated documents.
func (s *simulation) Book() *ringbid.Book { return s.book }

// Prompt returns a moment of silence.
func (s *simulation) Prompt(string) (ringbid.Audio, error) { return nil, nil }

// SeenWithin says no.
func (s *simulation) SeenWithin(ringbid.Phone, ringbid.Phone, time.Time, time.Duration) bool {
	return false
}
