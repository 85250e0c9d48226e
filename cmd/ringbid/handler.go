package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/ivr"
	"github.com/ringbid/ringbid/recording"
	"github.com/ringbid/ringbid/sip"
)

// settleTimeout bounds how long a call's end may wait for the database before
// its facts wait on disk instead.
const settleTimeout = 10 * time.Second

// Serve takes one call from its arrival to its settled row.
func (a *app) Serve(ctx context.Context, c *sip.Call) {
	a.calls.Add(1)
	defer a.calls.Done()
	inv := c.Invite()
	a.lines.open(inv)
	a.store.Started(a.begun(inv))
	call := a.runner.Run(ctx, c)
	call.Legs = c.Legs()
	a.finish(call)
}

// begun is what is known of a call when it arrives.
func (a *app) begun(inv ringbid.Invite) ringbid.Call {
	call := ringbid.Call{
		ID: inv.CallID, Node: a.node, State: ringbid.StateLive, Trunk: inv.Trunk, SIPCallID: inv.SIPCallID,
		Number: inv.Number, Caller: inv.Caller, CallerName: inv.CallerName, Received: inv.Received,
	}
	if n := a.book().Numbers[inv.Number]; n != nil {
		call.Campaign, call.Publisher = n.Campaign, n.Publisher
	}
	return call
}

// sealTimeout is how long the facts of a call, and the buyer's line with them, wait
// for the disk: then they go without the recording, which is attached when it is
// found.
const sealTimeout = 3 * time.Second

// finish seals the recording and commits all facts of a call that is over. The
// caller is gone: nothing here can be heard.
func (a *app) finish(call *ringbid.Call) {
	if f, ok := a.recorder.File(call.ID); ok {
		patience, enough := context.WithTimeout(context.Background(), sealTimeout)
		rec, err := f.Seal(patience)
		enough()
		switch {
		case errors.Is(err, recording.ErrEmpty): // over before a sound
		case err != nil:
			a.log.Error("recording not sealed", "call_id", call.ID, "error", err)
		default:
			call.Recording = &rec
			a.lines.emit(ringbid.Event{Call: call.ID, Kind: ringbid.EventRecorded, Text: "recording sealed", Data: map[string]string{
				"ms": fmt.Sprint(rec.MS), "bytes": fmt.Sprint(rec.Bytes)}})
		}
	}
	a.lines.emit(ringbid.Event{Call: call.ID, Kind: ringbid.EventSettled, Text: call.Sale.Rule, Data: map[string]string{
		"revenue": call.Sale.Revenue.String(), "payout": call.Sale.Payout.String(), "currency": call.Sale.Currency}})
	call.Events = a.lines.close(call.ID)
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if err := a.store.Settle(ctx, *call); err != nil {
		a.log.Error("call not settled", "call_id", call.ID, "error", err)
	}
}

// recordingFound attaches a recording that a crash left to its call.
func (a *app) recordingFound(rec ringbid.Recording, callID string) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if err := a.store.AddRecording(ctx, callID, rec); err != nil {
		a.log.Error("recording found and not attached", "call_id", callID, "path", rec.Path, "error", err)
	}
}

// claimRecordings attaches recordings that were sealed while their calls' facts
// did not reach the disk any more.
func (a *app) claimRecordings(ctx context.Context) {
	select {
	case <-a.recorder.Settled():
	case <-ctx.Done():
		return
	}
	found, err := a.recorder.Unclaimed(ctx, func(callID string) bool {
		_, err := a.store.Recording(ctx, callID)
		return err == nil || ringbid.KindOf(err) != ringbid.NotFound
	})
	if err != nil && ctx.Err() == nil {
		a.log.Warn("unclaimed recordings not looked for", "error", err)
	}
	for _, rec := range found {
		a.recordingFound(rec, rec.ID)
	}
}

// upload brings a sealed recording to the bucket; the local copy goes once the
// row says where it is. Without a bucket recordings stay where they are.
func (a *app) upload(ctx context.Context, u delivery.UploadArgs) error {
	if a.blobs == nil {
		return nil
	}
	rec, err := a.store.Recording(ctx, u.CallID)
	if err != nil {
		return err
	}
	url, err := a.recorder.Upload(ctx, *rec)
	if err != nil {
		return err
	}
	if err := a.store.SetRecordingURL(ctx, rec.ID, url); err != nil {
		return err
	}
	rec.URL = url
	return a.recorder.Remove(ctx, *rec)
}

// busy reports whether calls are up or not settled yet.
func (a *app) busy() bool { return a.sip.Active() > 0 }

func (a *app) book() *ringbid.Book {
	if b := a.inUse.Load(); b != nil {
		return b
	}
	b, _ := ringbid.NewBook(nil)
	return b
}

// From, Named, At and Accounts are sip.Trunks.

// From returns the trunk whose calls come from the address.
func (a *app) From(ip netip.Addr) (*ringbid.Trunk, bool) { return a.book().TrunkFrom(ip) }

// trunks lists every trunk in use.
func (a *app) trunks() []*ringbid.Trunk { return slices.Collect(maps.Values(a.book().Trunks)) }

// trunkStates says how the trunks are, as this node sees them.
func (a *app) trunkStates() []ringbid.TrunkState {
	if !a.serving.Load() {
		return nil
	}
	return a.sip.TrunkStates()
}

// Named returns the trunk with the name.
func (a *app) Named(name string) (*ringbid.Trunk, bool) {
	t, ok := a.book().Trunks[name]
	return t, ok
}

// At returns the trunk whose calls go out to the host and port.
func (a *app) At(host string, port int) (*ringbid.Trunk, bool) { return a.book().TrunkAt(host, port) }

// Accounts returns the trunks that take calls by digest, by username.
func (a *app) Accounts() map[string]*ringbid.Trunk { return a.book().Accounts }

// ours reports whether a number is one of the documents'.
func (a *app) ours(n ringbid.Phone) bool { return a.book().Numbers[n] != nil }

// Book, Prompt and SeenWithin are ivr.Directory; Buyings is auction.Roster.

// Book returns the documents in use.
func (a *app) Book() *ringbid.Book { return a.book() }

// Prompt returns a prompt's sound.
func (a *app) Prompt(name string) (ringbid.Audio, error) {
	doc, ok := a.book().Prompts[name]
	if !ok {
		return nil, ringbid.Errorf(ringbid.NotFound, "there is no prompt %s", name)
	}
	return a.prompts.get(doc)
}

// SeenWithin reports whether the caller dialled the number shortly before.
func (a *app) SeenWithin(caller, number ringbid.Phone, at time.Time, window time.Duration) bool {
	return a.store.SeenWithin(caller, number, at, window)
}

// Buyings returns who may buy the campaign's calls.
func (a *app) Buyings(campaign string) []ringbid.Buying { return a.book().Buyings(campaign) }

// market lets the flow open auctions.
type market struct{ *auction.Market }

// Open starts an auction.
func (m market) Open(ctx context.Context, ask ringbid.Ask) ivr.Auction {
	return m.Market.Open(ctx, ask)
}

// tap lets the telephone edge start recordings.
type tap struct{ r *recording.Recorder }

// Open starts the recording of a call.
func (t tap) Open(inv ringbid.Invite) (sip.Sink, error) {
	f, err := t.r.Start(inv)
	if err != nil {
		return nil, err
	}
	return f, nil
}
