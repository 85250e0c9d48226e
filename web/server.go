package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
)

//go:embed templates/*.html
var templates embed.FS

// maxBody bounds what a request may send, in bytes.
const maxBody = 1 << 20

// Config is what a Server is made of.
type Config struct {
	Sessions Sessions
	Parts    []Part
	// Ready says whether this node can take calls; nil means always.
	Ready func(context.Context) error
	// Metrics answers GET /metrics, Socket answers GET /socket; either may be nil.
	Metrics http.Handler
	Socket  http.Handler
	// TrustProxy believes X-Forwarded-For and X-Forwarded-Proto. Set it only
	// behind a proxy that writes them itself.
	TrustProxy bool
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Server answers HTTP. It is safe for use by many requests.
type Server struct {
	c       Config
	log     *slog.Logger
	mux     *http.ServeMux
	pages   *Pages
	metrics *metrics
	routes  []Route
}

// New makes a Server. The error says which page or route is unsound.
func New(c Config) (*Server, error) {
	if c.Sessions == nil {
		return nil, errors.New("web: no sessions")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	sub, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	pages, err := NewPages(sub)
	if err != nil {
		return nil, err
	}
	s := &Server{c: c, log: c.Logger, mux: http.NewServeMux(), pages: pages, metrics: newMetrics(c.Registerer)}
	s.routes = s.ownRoutes()
	for _, p := range c.Parts {
		s.routes = append(s.routes, p.Routes()...)
	}
	for _, route := range s.routes {
		s.mux.Handle(route.Pattern, s.serve(route))
	}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.Handle("GET /static/", loadAssets())
	if c.Metrics != nil {
		s.mux.Handle("GET /metrics", c.Metrics)
	}
	if c.Socket != nil {
		s.mux.Handle("GET /socket", c.Socket)
	}
	return s, nil
}

// Routes returns every route of every part, for tests of who may use what.
func (s *Server) Routes() []Route { return s.routes }

func (s *Server) ownRoutes() []Route {
	return []Route{
		{Pattern: "GET /{$}", Handle: home},
		{Pattern: "GET /signin", Public: true, Handle: s.signInPage},
		{Pattern: "POST /signin", Public: true, Handle: s.signIn},
		{Pattern: "POST /signout", Public: true, Handle: s.signOut},
		{Pattern: "POST /preferences", Public: true, Handle: s.prefer},
		{Pattern: "/", Public: true, Handle: func(http.ResponseWriter, *Request) error {
			return ringbid.Errorf(ringbid.NotFound, "there is no such page")
		}},
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	rec := &recorder{ResponseWriter: w}
	defer func() {
		if v := recover(); v != nil {
			s.caught(rec, r, v)
		}
		s.metrics.observe(r, rec.code(), time.Since(began))
	}()
	s.headers(rec, r)
	if len(r.URL.RequestURI()) > 8192 {
		writeProblem(rec, Problem{Type: "about:blank", Title: "The address is too long", Status: http.StatusRequestURITooLong})
		return
	}
	r.Body = http.MaxBytesReader(rec, r.Body, maxBody)
	if r.URL.Path == "/socket" || !acceptsGzip(r) {
		s.mux.ServeHTTP(rec, r)
		return
	}
	z := &zipper{recorder: rec}
	defer z.close()
	s.mux.ServeHTTP(z, r)
}

// caught answers for a handler that panicked, if nothing was answered yet.
func (s *Server) caught(w *recorder, r *http.Request, v any) {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	s.metrics.panics.Inc()
	s.log.Error("request panicked", slog.String("path", r.URL.Path), slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
	if w.status == 0 {
		writeProblem(w, Problem{Type: "about:blank", Title: answers[ringbid.Internal].title, Status: http.StatusInternalServerError})
	}
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.c.Ready != nil {
		if err := s.c.Ready(r.Context()); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

// Listen returns an http.Server for the handler with time limits that a slow or
// silent peer cannot stretch. Recordings extend the write limit themselves.
func Listen(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}
