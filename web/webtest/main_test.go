package webtest_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cti"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
	"github.com/ringbid/ringbid/web/webtest"
)

var screens = flag.String("screens", "", "folder that TestScreens writes PNGs into")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

// house is an installation that serves its pages.
type house struct {
	fake  *webtest.Fake
	board *console.Board
	hub   *cti.Hub
	web   *web.Server
	url   string
}

func setup(t testing.TB, f *webtest.Fake) *house {
	t.Helper()
	h := &house{fake: f, board: console.NewBoard(nil)}
	h.hub = cti.NewHub(cti.Config{
		User:   func(r *http.Request) (*ringbid.User, error) { return h.web.User(r) },
		Masked: func(u *ringbid.User) bool { return !web.SeesCallers(u) },
	})
	var err error
	if h.web, err = webtest.New(f, h.board, h.hub, h.hub); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h.web)
	h.url = s.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := h.hub.Close(ctx); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return h
}

// emit tells board and screens, as the program does.
func (h *house) emit(events ...ringbid.Event) {
	for _, e := range events {
		h.board.Apply(e)
		h.hub.Publish(e)
	}
}

// session signs the user in and returns the token.
func (h *house) session(t testing.TB, user string) string {
	t.Helper()
	u, err := h.fake.Authenticate(t.Context(), user, webtest.Password, "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.fake.NewSession(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// faults gathers what the browser complains of.
type faults struct {
	mu   sync.Mutex
	list []string
}

func (f *faults) take(ev any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := ev.ExceptionDetails.Text
		if x := ev.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		f.list = append(f.list, "script: "+text)
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError {
			f.list = append(f.list, "log: "+ev.Entry.Text+" "+ev.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if ev.Type == "error" {
			f.list = append(f.list, "console error")
		}
	}
}

// drain returns the complaints since the last time.
func (f *faults) drain() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.list
	f.list = nil
	return out
}

// browser starts a Chromium with a profile of its own.
func browser(t testing.TB) (context.Context, *faults) {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.WSURLReadTimeout(60*time.Second))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	var f faults
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(f.take))
	t.Cleanup(func() { cancel(); stop() })
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, log.Enable, cdp.Empty{})
		return err
	}))
	if err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	ctx, expire := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(expire)
	return ctx, &f
}

// look is how a page is looked at.
type look struct {
	name          string
	width, height int64
	theme         string
}

func looks() []look {
	return []look{{"light", 1440, 900, "light"}, {"dark", 1440, 900, "dark"}, {"phone", 360, 740, "light"}}
}

// as prepares the browser: size, theme, and whose session it has.
func as(base, token string, l look) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		u, err := url.Parse(base)
		if err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 500}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			return err
		}
		cookies := map[string]string{"theme": l.theme, "zone": "America%2FNew_York"}
		if token != "" {
			cookies["ringbid_session"] = token
		}
		for name, value := range cookies {
			if _, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: name, Value: value, Domain: u.Hostname(), Path: "/"}); err != nil {
				return err
			}
		}
		return nil
	})
}
