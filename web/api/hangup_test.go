package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid/web/api"
)

// TestHangUp looks whether a publisher who goes away takes its lead along.
func TestHangUp(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	asked, left := make(chan context.Context, 1), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Context()
		h.web.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	in, out := make(chan struct{}), make(chan error, 1)
	h.intake.answer = func(ctx context.Context, _ api.Posting) (api.Answer, error) {
		close(in)
		<-left
		deadline, ok := ctx.Deadline()
		if !ok || time.Until(deadline) > 26*time.Second {
			out <- errors.New("no deadline")
		}
		out <- ctx.Err()
		return api.Answer{Status: api.StatusAccepted}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/leads/bright?key="+goodKey, strings.NewReader(`{"a":"b"}`))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-in
	cancel()
	<-(<-asked).Done() // the server knows
	close(left)
	if err := <-out; err != nil {
		t.Errorf("the post ended with its publisher: %v", err)
	}
}
