package ringbid

import "testing"

func TestTrunkCodecs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		trunk Trunk
		path  string // of the problem, "" for none
	}{
		{"nothing said", Trunk{}, ""},
		{"wide band first", Trunk{Codecs: []string{"g722", "pcma", "pcmu"}, Ptime: 30, DTMF: DTMFInband}, ""},
		{"opus", Trunk{Codecs: []string{"opus"}}, "codecs[0]"},
		{"odd packets", Trunk{Ptime: 25}, "ptime"},
		{"long packets", Trunk{Ptime: 80}, "ptime"},
		{"unknown keys", Trunk{DTMF: "mf"}, "dtmf"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.trunk.Name, tt.trunk.Address = "buyers", "192.0.2.1"
			problems := tt.trunk.Validate()
			if tt.path == "" && len(problems) > 0 || tt.path != "" && (len(problems) != 1 || problems[0].Path != tt.path) {
				t.Errorf("%+v", problems)
			}
		})
	}
}
