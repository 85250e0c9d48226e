package cti

import (
	"maps"
	"strings"

	"github.com/ringbid/ringbid"
)

// message is what goes over a socket, in both directions.
type message struct {
	Type     string         `json:"t"` // hello, event, pop, presence, resync
	Seq      int64          `json:"seq,omitempty"`
	Boot     string         `json:"boot,omitempty"`
	Resync   bool           `json:"resync,omitempty"`
	Event    *ringbid.Event `json:"event,omitempty"`
	Pop      *Pop           `json:"pop,omitempty"`
	Presence string         `json:"presence,omitempty"`
}

// maskEvent returns the event without callers' whole numbers.
func maskEvent(ev ringbid.Event) ringbid.Event {
	caller := ringbid.Phone(ev.Data["caller"])
	if caller == "" {
		return ev
	}
	masked := caller.Mask()
	ev.Data = maps.Clone(ev.Data)
	number := ev.Data["number"]
	for k, v := range ev.Data {
		if v != number || k == "caller" {
			ev.Data[k] = hide(v, caller, masked)
		}
	}
	ev.Text = hide(ev.Text, caller, masked)
	return ev
}

func hide(s string, caller ringbid.Phone, masked string) string {
	for _, form := range []string{string(caller), caller.Digits(), caller.National()} {
		if len(form) >= 7 {
			s = strings.ReplaceAll(s, form, masked)
		}
	}
	return s
}
