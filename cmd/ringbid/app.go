package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/auction/dialect"
	"github.com/ringbid/ringbid/cmd/ringbid/bench"
	"github.com/ringbid/ringbid/cmd/ringbid/trade"
	"github.com/ringbid/ringbid/cti"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/ivr"
	"github.com/ringbid/ringbid/ivr/speech"
	"github.com/ringbid/ringbid/recording"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/localpg"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
)

// startTimeout bounds how long the parts may take to start.
const startTimeout = 60 * time.Second

// app is the whole platform, put together.
type app struct {
	cfg  config
	node string
	boot string // names this run
	log  *slog.Logger
	reg  *prometheus.Registry
	life lifecycle

	cluster  *localpg.Cluster
	dsn      string
	store    *store.Store
	queue    *delivery.Queue
	blobs    recording.Blobs
	recorder *recording.Recorder
	prompts  *prompts
	inUse    atomic.Pointer[ringbid.Book] // what calls go by
	lines    *timelines
	hub      *cti.Hub
	board    *console.Board
	market   *auction.Market
	runner   *ivr.Runner
	trade    atomic.Pointer[trade.Trade] // leads
	plane    *media.Plane
	sip      *sip.Server
	captures captures
	http     *http.Server
	httpAddr string
	pages    *web.Server
	serving  atomic.Bool // sip is there
	draining atomic.Bool
	refused  refusedCalls

	world       world  // of a demo
	mailPages   string // of a demo: where its letters can be read
	stopTraffic func() // of a demo; may be nil

	publishing sync.Mutex     // held while a book is put to use
	calls      sync.WaitGroup // being served or settled
}

// start puts the parts together, those that calls stand on first and the
// telephone edge last, and returns when every listener is up. A failed start
// undoes what it did.
func start(ctx context.Context, c config, log *slog.Logger) (*app, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	a := &app{cfg: c, boot: ringbid.NewID(), log: log, reg: prometheus.NewRegistry(), life: lifecycle{log: log}}
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	bench.Tune()
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, part := range []struct {
		name  string
		start func(context.Context) error
	}{
		{"data folder", a.startData}, {"postgres", a.startPostgres}, {"queue", a.newQueue}, {"store", a.startStore},
		{"recordings", a.startRecordings}, {"deliveries", a.startQueue}, {"screens", a.startScreens}, {"prompts", a.startPrompts}, {"auction", a.startMarket}, {"trade", a.startTrade}, {"audio", a.startMedia}, {"captures", a.startCaptures},
		{"pages", a.startWeb}, {"refused calls", a.startRefused}, {"calls", a.startSIP},
	} {
		if err := part.start(starting); err != nil {
			stopping, done := context.WithTimeout(context.WithoutCancel(ctx), hangupGrace)
			defer done()
			return nil, errors.Join(fmt.Errorf("start %s: %w", part.name, err), a.life.stop(stopping))
		}
	}
	return a, nil
}

// announce says that every listener is up.
func (a *app) announce() {
	var sipAddrs []string
	for _, l := range a.sip.Addrs() {
		sipAddrs = append(sipAddrs, l.Network+":"+l.Addr)
	}
	a.log.Info("ready", "sip", sipAddrs, "rtp", a.cfg.RTP, "http", "http://"+a.httpAddr, "node", a.node, "version", version())
}

func (a *app) startData(context.Context) error {
	if err := os.MkdirAll(a.cfg.Data, 0o755); err != nil {
		return err
	}
	var err error
	a.node, err = a.cfg.nodeName()
	return err
}

// startPostgres starts the private cluster where no database is named.
func (a *app) startPostgres(ctx context.Context) error {
	if a.dsn = a.cfg.DatabaseURL; a.dsn != "" {
		return nil
	}
	var err error
	a.cluster, err = localpg.Start(ctx, localpg.Config{Dir: a.cfg.path("postgres"), Fsync: !a.cfg.fast, Logger: a.log})
	if err != nil {
		return err
	}
	a.dsn = a.cluster.DSN()
	a.life.onStop("postgres", a.cluster.Stop)
	return nil
}

// startRecordings opens the folder calls are recorded to, and the bucket they
// end up in where one is named.
func (a *app) startRecordings(ctx context.Context) error {
	dir := a.cfg.path("recordings")
	if where := a.cfg.Recordings; strings.Contains(where, "://") {
		var err error
		if a.blobs, err = recording.Store(ctx, where); err != nil {
			return err
		}
	} else if where != "" {
		dir = where
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	a.recorder, err = recording.Open(recording.Config{
		Dir: dir, Blobs: a.blobs, Logger: a.log, Registerer: a.reg, Found: a.recordingFound,
	})
	if err != nil {
		return err
	}
	a.life.onStop("recorder", a.recorder.Close)
	looking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); a.claimRecordings(looking) }()
	a.life.onStop("found recordings", func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

func (a *app) newQueue(context.Context) (err error) {
	a.queue, err = delivery.New(delivery.Config{
		DSN: a.dsn, Node: a.node, Boot: a.boot, Upload: a.upload, Deliver: a.deliver, Logger: a.log, Registerer: a.reg,
	})
	return err
}

func (a *app) startStore(ctx context.Context) (err error) {
	a.store, err = store.Open(ctx, store.Config{
		DSN: a.dsn, Dir: a.cfg.path("journal"), KeyFile: a.cfg.path("key"), Node: a.node, Boot: a.boot,
		Migrate: migrations(), Outbox: a.queue, Settled: a.leadSettled, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.life.onStop("store", a.store.Close)
	return nil
}

func (a *app) startQueue(ctx context.Context) error {
	a.life.onStop("deliveries", a.queue.Stop)
	return a.queue.Start(ctx)
}

func (a *app) startPrompts(ctx context.Context) error {
	a.prompts = newPrompts(speech.NewEspeak(a.cfg.path("speech")), a.log)
	a.useBook(ctx)
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); a.watchBook(watch) }()
	a.life.onStop("prompts", func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

// useBook puts the latest published book to use, once its prompts are made: a
// call never meets one that is not ready.
func (a *app) useBook(ctx context.Context) {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	latest, now := a.store.Book(), a.inUse.Load()
	if latest == nil || now != nil && now.Revision == latest.Revision {
		return
	}
	a.prompts.prepare(ctx, latest)
	a.inUse.Store(latest)
	a.prompts.forget(latest)
	a.log.Info("configuration in use", "revision", latest.Revision)
}

// watchBook puts each newly published book to use.
func (a *app) watchBook(ctx context.Context) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			a.useBook(ctx)
		}
	}
}

func (a *app) startMarket(context.Context) error {
	client, err := connector.New(connector.Config{Allow: a.cfg.allowed()})
	if err != nil {
		return err
	}
	a.market = auction.New(auction.Config{
		Roster: a, Ledger: a.store, Bidders: map[string]auction.Bidder{
			"ringba":   &dialect.Ringba{Client: client},
			"exchange": &dialect.Exchange{Sender: connector.NewSender(client, delivery.Tokens{Vault: a.store}, nil)},
		},
		Emit: a.lines.emit, Logger: a.log, Registerer: a.reg,
	})
	a.runner = ivr.New(ivr.Config{
		Market: market{a.market}, Directory: a, Emit: a.lines.emit, Logger: a.log, Registerer: a.reg, Node: a.node,
	})
	return nil
}

func (a *app) startMedia(context.Context) error {
	ip, from, to, err := a.cfg.rtpRange()
	if err != nil {
		return err
	}
	advertise, err := a.cfg.advertised()
	if err != nil {
		return err
	}
	bind6, advertise6, err := a.cfg.rtp6()
	if err != nil {
		return err
	}
	a.plane, err = media.Open(media.Config{
		Bind: ip, Advertise: advertise, Bind6: bind6, Advertise6: advertise6, DSCP: dscp(a.cfg.RTPDSCP), PortMin: from, PortMax: to, Poll: a.cfg.RTPPoll, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.life.onStop("audio", func(context.Context) error { return a.plane.Close() })
	return nil
}

func (a *app) startSIP(context.Context) error {
	listeners, err := a.cfg.listeners()
	if err != nil {
		return err
	}
	exempt, err := a.cfg.exempt()
	if err != nil {
		return err
	}
	dns, err := a.cfg.dnsServers()
	if err != nil {
		return err
	}
	keys, err := a.cfg.keys(a.log)
	if err != nil {
		return err
	}
	a.sip, err = sip.New(sip.Config{
		Listeners: listeners, Keys: keys, Advertise: a.cfg.Advertise, DSCP: dscp(a.cfg.SIPDSCP), Plane: a.plane, Trunks: a, List: a.trunks, DNS: dns, Handler: a, Tap: tap{a.recorder}, Capture: a.captures,
		Emit: a.lines.emit, Refused: a.callRefused, MaxCalls: a.cfg.MaxCalls,
		CallsPerSecond: a.cfg.CallsPerSecond, Ours: a.ours, Exempt: exempt, Music: ringbid.Audio(speech.Music(24)),
		UserAgent: "ringbid/" + version(), Node: a.node, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.serving.Store(true)
	a.life.onStop("calls", a.stopCalls)
	return nil
}

// stopCalls hangs up what is left and waits until every call is settled.
func (a *app) stopCalls(ctx context.Context) error {
	a.sip.Drain()
	a.hangupAll("shutting down")
	settled := make(chan struct{})
	go func() { a.calls.Wait(); close(settled) }()
	select {
	case <-settled:
	case <-ctx.Done():
		a.log.Error("calls not settled in time", "calls", a.sip.Active())
	}
	return a.sip.Close(ctx)
}

func (a *app) hangupAll(why string) {
	if n := a.sip.Active(); n > 0 {
		a.log.Warn("hanging up", "calls", n, "why", why)
	}
	a.sip.HangupAll(ringbid.Reason{Code: "shutdown", Text: why, Fault: ringbid.FaultOurs, SIP: 503, Q850: 41})
}
