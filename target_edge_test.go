package ringbid

import (
	"strings"
	"testing"
	"time"
)

func TestTelephoneFieldsOfTargetsAndTrunks(t *testing.T) {
	t.Parallel()
	places := func(n int) []Place {
		out := make([]Place, n)
		for i := range out {
			out[i] = Place{User: "agent"}
		}
		return out
	}
	target := func(change func(*Target)) []Problem {
		x := &Target{Name: "t", Buyer: "b", Trunk: "k", User: "agent"}
		change(x)
		return x.Validate()
	}
	trunk := func(change func(*Trunk)) []Problem {
		x := &Trunk{Name: "k", Address: "h"}
		change(x)
		return x.Validate()
	}
	for _, tt := range []struct {
		at   string // of the problem, "" for none
		have []Problem
	}{
		{"", target(func(x *Target) { x.EarlyMedia = EarlyPass; x.Also = places(10) })},
		{"early_media", target(func(x *Target) { x.EarlyMedia = "loud" })},
		{"also", target(func(x *Target) { x.Also = places(11) })},
		{"also[0].user", target(func(x *Target) { x.Also = []Place{{User: "a@b"}} })},
		{"also", target(func(x *Target) { x.Trunk, x.User, x.Also, x.Methods = "", "", places(1), []Way{{Method: "m"}} })},
		{"", target(func(x *Target) { x.Voicemail, x.VoicemailWait = VoicemailDetect, Duration(4*time.Second) })},
		{"voicemail", target(func(x *Target) { x.Voicemail = "maybe" })},
		{"voicemail_wait", target(func(x *Target) { x.Voicemail, x.VoicemailWait = VoicemailDetect, Duration(5*time.Second) })},
		{"voicemail_wait", target(func(x *Target) { x.VoicemailWait = Duration(time.Second) })},
		{"user_to_user_purpose", target(func(x *Target) { x.UserToUserPurpose = "a;b" })},
		{"user_to_user_purpose", target(func(x *Target) { x.UserToUserPurpose = strings.Repeat("a", 33) })},
		{"", trunk(func(x *Trunk) {
			x.Diversion, x.FollowRedirects, x.Trusted, x.RelayIdentity = DiversionBoth, 5, true, true
		})},
		{"diversion", trunk(func(x *Trunk) { x.Diversion = "all" })},
		{"follow_redirects", trunk(func(x *Trunk) { x.FollowRedirects = 6 })},
	} {
		if tt.at == "" && len(tt.have) > 0 || tt.at != "" && (len(tt.have) != 1 || tt.have[0].Path != tt.at) {
			t.Errorf("want a problem at %q, have %+v", tt.at, tt.have)
		}
	}
}
