package ringbid_test

import (
	"fmt"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestAreaState(t *testing.T) {
	t.Parallel()
	for phone, want := range map[ringbid.Phone]string{
		"+13105550123":  "CA",
		"+12125550123":  "NY",
		"+14715550123":  "MS", // in service since January 2026
		"+16795550123":  "MI", // since November 2025
		"+12025550123":  "DC",
		"+17875550123":  "PR",
		"+16715550123":  "GU",
		"+19075550123":  "AK",
		"+13075550123":  "WY",
		"+18005550100":  "", // toll-free
		"+14165550123":  "", // Toronto
		"+18765550123":  "", // Jamaica
		"+15005550123":  "", // personal
		"+19005550123":  "",
		"+12115550123":  "",
		"+442079460000": "",
		"+131055501234": "",
		"":              "",
		"+1AK 5550123":  "",
		"+1 205550123":  "",
	} {
		if got := ringbid.AreaState(phone); got != want {
			t.Errorf("AreaState(%q) = %q, want %q", phone, got, want)
		}
	}
}

func TestAreaStateCovers(t *testing.T) {
	t.Parallel()
	states := map[string]int{}
	codes := 0
	for code := range 1000 {
		p := ringbid.Phone(fmt.Sprintf("+1%03d5550123", code))
		if s := ringbid.AreaState(p); s != "" {
			states[s]++
			codes++
		}
	}
	// 50 states, the District, and five territories.
	if len(states) != 56 || codes != 377 {
		t.Errorf("%d codes in %d states, want 377 in 56", codes, len(states))
	}
	if states["CA"] != 41 || states["TX"] != 29 || states["DE"] != 1 {
		t.Errorf("California %d, Texas %d, Delaware %d codes", states["CA"], states["TX"], states["DE"])
	}
}
