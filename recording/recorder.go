package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
)

// Config describes a recorder.
type Config struct {
	// Dir is the folder recordings are written to, as YYYY/MM/DD/<call>.wav by
	// the UTC date of the call. It is made if missing and locked: one process
	// records into a folder.
	Dir string
	// Blobs takes sealed recordings; nil leaves them in Dir.
	Blobs Blobs
	// Found is told of each recording that was sealed without its call having
	// asked: those a crash left behind, and those whose seal had to be tried
	// again. It runs on a goroutine of the recorder, from within Open until the
	// end of Close, so what it needs must be there. nil = only logged.
	Found func(r ringbid.Recording, callID string)
	// Sync is how often headers and data are made durable, all at once; 0 = 2 s.
	Sync time.Duration
	// Logger receives what concerns the recorder; nil = discard.
	Logger *slog.Logger
	// Registerer takes the metrics; nil = none.
	Registerer prometheus.Registerer

	disk  disk          // nil = the real one
	flow  time.Duration // how often the files are written; 0 = 512 ms: two blocks each
	retry time.Duration // when a failed write is tried again, in the next round; 0 = 1 s
	again time.Duration // when a failed seal is tried again; 0 = 15 s
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.disk == nil {
		c.disk = realDisk{}
	}
	c.Sync = cmp.Or(c.Sync, 2*time.Second)
	c.flow = cmp.Or(c.flow, 512*time.Millisecond)
	c.retry = cmp.Or(c.retry, time.Second)
	c.again = cmp.Or(c.again, 15*time.Second)
	return c
}

// Errors of the recorder.
var (
	// ErrClosed says that the recorder takes no more calls.
	ErrClosed = errors.New("recorder closed")
	// ErrEmpty says that there is no audio to seal; the file is gone.
	ErrEmpty = errors.New("nothing was recorded")
)

// Recorder owns a recordings folder and the files that grow in it.
type Recorder struct {
	cfg     Config
	opened  time.Time // the origin of the files' clocks
	log     *slog.Logger
	disk    disk
	metrics *metrics
	lock    *os.File
	trouble trouble
	chunks  pool
	page    [page]byte // the writer's

	mu     sync.Mutex
	files  map[string]*File
	starts int // of files, ever
	closed bool
	left   []leftover // parts whose seal failed, or that a crash left

	jobs    sync.WaitGroup
	stop    context.CancelFunc
	writing chan struct{} // closed to end the writer
	wake    chan struct{} // asks the writer to look at once
	syncs   chan []handle // what is to be synced, at most one batch
	synced  chan []handle // the empty batch, while nothing is being synced
	tidied  chan struct{} // closed when the crash's leftovers have been tried
}

// Open locks the folder, starts the recorder and has the files that a crash
// left there repaired in the background; each is reported to Config.Found.
func Open(c Config) (*Recorder, error) {
	c = c.withDefaults()
	r := &Recorder{
		cfg: c, opened: time.Now(), log: c.Logger, disk: c.disk, files: map[string]*File{},
		writing: make(chan struct{}), wake: make(chan struct{}, 1),
		syncs: make(chan []handle, 1), synced: make(chan []handle, 1), tidied: make(chan struct{}),
	}
	if err := distinct(c); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make recordings folder: %w", err)
	}
	lock, err := lockDir(c.Dir)
	if err != nil {
		return nil, err
	}
	r.lock = lock
	if r.left, err = parts(c.Dir); err == nil {
		r.metrics, err = newMetrics(c.Registerer, r)
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.chunks.level(spareChunks)
	r.synced <- nil
	r.jobs.Go(r.write)
	r.jobs.Go(r.stock)
	r.jobs.Go(func() { r.syncAll(ctx) })
	r.jobs.Go(func() { r.tidy(ctx) })
	return r, nil
}

// distinct refuses a store that is the recordings folder itself: a verified copy
// would be the file that is then removed.
func distinct(c Config) error {
	store, ok := c.Blobs.(folder)
	if !ok {
		return nil
	}
	a, err := filepath.Abs(c.Dir)
	b, err2 := filepath.Abs(store.dir)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("recordings folder: %w", err)
	}
	if a == b {
		return ringbid.Errorf(ringbid.Invalid, "recordings folder %s is the store as well", a)
	}
	return nil
}

// Start begins the recording of a call; its clock starts with the first frame.
// It touches no disk and cannot be held up: the file is made by the writer, and
// tried again while the disk refuses. The error is Invalid for an identifier
// that is no file name, Conflict for a call that is being recorded, or ErrClosed.
func (r *Recorder) Start(inv ringbid.Invite) (*File, error) {
	if !plainName(inv.CallID) {
		return nil, ringbid.Errorf(ringbid.Invalid, "record call %.40q: not an identifier", inv.CallID)
	}
	day := inv.Received
	if day.IsZero() {
		day = time.Now()
	}
	r.chunks.put(newChunk()) // for its first frames: many calls may start at once
	f := newFile(r, inv.CallID, filepath.Join(r.cfg.Dir, day.UTC().Format("2006/01/02"), inv.CallID+".wav"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fmt.Errorf("record call %s: %w", inv.CallID, ErrClosed)
	}
	if _, there := r.files[inv.CallID]; there {
		return nil, ringbid.Errorf(ringbid.Conflict, "record call %s: already being recorded", inv.CallID)
	}
	r.starts++
	f.turn = r.starts % turns
	r.files[inv.CallID] = f
	return f, nil
}

// File returns the recording of a call that Start began and Seal has not ended.
func (r *Recorder) File(callID string) (*File, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.files[callID]
	return f, ok
}

// Settled returns a channel that is closed when every file that a crash left
// has been repaired, or been tried once.
func (r *Recorder) Settled() <-chan struct{} { return r.tidied }

// Close seals what still grows, reports it to Config.Found, and ends the
// recorder. It returns when that is done or ctx has ended, and may be called
// twice.
func (r *Recorder) Close(ctx context.Context) error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	open := make([]*File, 0, len(r.files))
	for _, f := range r.files {
		open = append(open, f)
	}
	r.mu.Unlock()
	var errs []error
	for _, f := range open {
		rec, err := f.Seal(ctx)
		switch {
		case err == nil:
			r.found(rec, f.callID)
		case !errors.Is(err, ErrEmpty):
			errs = append(errs, err)
		}
	}
	if first {
		close(r.writing)
		r.stop()
	}
	ended := make(chan struct{})
	go func() { r.jobs.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return errors.Join(append(errs, fmt.Errorf("close recorder: %w", ctx.Err()))...)
	}
	if first {
		r.metrics.unregister()
		errs = append(errs, r.lock.Close())
	}
	return errors.Join(errs...)
}

// uptime returns for how long the recorder had been open, in nanoseconds, by the
// monotonic clock.
func (r *Recorder) uptime(now time.Time) int64 { return int64(now.Sub(r.opened)) }

// open returns the files that the writer goes round.
func (r *Recorder) open(into []*File) []*File {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		into = append(into, f)
	}
	return into
}

func (r *Recorder) forget(f *File) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files[f.callID] == f {
		delete(r.files, f.callID)
	}
}

func (r *Recorder) found(rec ringbid.Recording, callID string) {
	r.log.Info("recording found", "call_id", callID, "path", rec.Path, "ms", rec.MS)
	if r.cfg.Found != nil {
		r.cfg.Found(rec, callID)
	}
}

// plainName reports whether s can be a file name as it is.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 100
}
