package ringbid

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestTrunkDialog(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		want    SessionTimer
		problem string // path, or "" for none
	}{
		{`{}`, 0, ""},
		{`{"session_expires":"off","reliable":"off"}`, SessionTimerOff, ""},
		{`{"session_expires":"90s","reliable":"required"}`, SessionTimer(90 * time.Second), ""},
		{`{"session_expires":"24h","reliable":"supported"}`, SessionTimer(24 * time.Hour), ""},
		{`{"session_expires":"89s"}`, SessionTimer(89 * time.Second), "session_expires"},
		{`{"session_expires":"25h"}`, SessionTimer(25 * time.Hour), "session_expires"},
		{`{"reliable":"always"}`, 0, "reliable"},
	}
	for _, tt := range tests {
		trunk := Trunk{Name: "carrier", From: []string{"192.0.2.1"}}
		if err := json.Unmarshal([]byte(tt.text), &trunk); err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if trunk.SessionExpires != tt.want {
			t.Errorf("%s: %v", tt.text, trunk.SessionExpires)
		}
		path := ""
		for _, p := range trunk.Validate() {
			path = p.Path
		}
		if !strings.HasSuffix(path, tt.problem) || (path == "") != (tt.problem == "") {
			t.Errorf("%s: problem at %q", tt.text, path)
		}
		again, err := json.Marshal(trunk)
		if err != nil || !strings.Contains(string(again), strings.Trim(tt.text, "{}")[:min(5, len(tt.text)-2)]) {
			t.Errorf("%s is written as %s, %v", tt.text, again, err)
		}
	}
	for _, text := range []string{`"Off"`, `"-1s"`, `"soon"`, `30`} {
		var s SessionTimer
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s reads as %v", text, s)
		}
	}
}
