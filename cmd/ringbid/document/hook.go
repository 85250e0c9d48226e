package document

import (
	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/webhook"
)

// HookScheme is how a hook's requests are signed.
func HookScheme(h *ringbid.Hook) webhook.Scheme {
	s := webhook.Scheme{
		Preset: h.Preset, Secrets: []ringbid.Secret{h.Secret}, Header: h.Header, Prefix: h.Prefix, Hash: h.Hash, Encoding: h.Encoding,
		Signed: h.Signed, IDHeader: h.IDHeader, TimeHeader: h.TimeHeader, Window: h.Window.D(),
	}
	if h.Before != "" {
		s.Secrets = append(s.Secrets, h.Before)
	}
	return s
}

// HookRules are where a hook's requests say what.
func HookRules(h *ringbid.Hook) webhook.Rules {
	f := h.Fields
	return webhook.Rules{
		Status: f["status"], Lead: f["lead"], BuyerLead: f["buyer_lead"], Event: f["event"], At: f["at"], Amount: f["amount"], Note: f["note"], Words: h.Words,
	}
}

// checkHook returns what is unsound in the signing and reading of a hook.
func checkHook(h *ringbid.Hook) []ringbid.Problem {
	var out []ringbid.Problem
	for _, p := range append(webhook.Check(HookScheme(h)), HookRules(h).Check()...) {
		out = append(out, ringbid.Problem{Key: h.Key(), Path: p.Path, Text: p.Text})
	}
	return out
}
