// Package sip is the telephone edge: it takes calls from carriers, plays and
// listens to the caller, calls buyers and joins the two, as a back-to-back user
// agent whose media passes through this process.
//
// It knows nothing of campaigns, flows and money: a Handler decides what
// happens to a call and says it through the methods of Call. It refuses to
// follow a redirect that its trunk does not allow or that leads to a host of no
// trunk, to verify or make a signature about the caller, to transfer a caller elsewhere than the target or its trunk
// allows, to call a host that is not a configured trunk, to talk to an address
// that no trunk names, and to pass on a header a peer wrote.
//
// # How the parts meet
//
// Every message meets the filter (who sent it, how many) and the screening
// (what it wants) before it is parsed. What belongs to a live call passes at a
// rate of its own. A new call is refused there without keeping state when its
// trunk or the node is over a limit, when its caller has to prove itself by
// digest first, or, slowly, when its source calls numbers that are not ours
// again and again; a source no trunk names is then muted for a growing time.
//
// An INVITE that passes is admitted (limits of the server and of its trunk, a port for its audio, a
// session description we can answer) or refused with one answer out of the
// table in status.go. An admitted one becomes a Call, which moves on in steps,
// one at a time: a signal of one of its legs, an event of the media plane, a timer,
// or what the handler asks for, one task at a time (answer, play, gather, dial,
// bridge). Whoever brings a step carries it out (package turn), the socket's
// reader too, so a step never waits. The handler runs on a goroutine of its own and
// may wait; a BYE is answered at once whatever the flow is doing.
//
// A dial calls one or several places of a target at once; each place makes one
// leg after another while it is refused for its codec or redirected. Who calls is
// From, else P-Asserted-Identity, else Remote-Party-ID: trunks are believed.
//
// A side is a leg with its audio. The first side of a call is the caller; each
// dial adds one. A caller who waits for a buyer hears music or ringback from
// the first INVITE to the bridge, over all attempts, without a gap. One who is not
// answered yet may be dialled for all the same: the caller's network plays the
// ringback then, or the place is heard (183), and the handler answers the caller
// before the bridge.
//
// A bridge may change its agent: by REFER the agent sends the caller to a third
// party, by INVITE with Replaces a colleague takes over. The talk, its recording
// and its clock go on; the caller hears of it nothing but the wait.
package sip
