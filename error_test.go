package ringbid_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	err := ringbid.Errorf(ringbid.Busy, "reserve target %s: %w", "x", io.EOF)
	if err.Error() != "reserve target x: EOF" || !errors.Is(err, io.EOF) || ringbid.KindOf(err) != ringbid.Busy {
		t.Errorf("got %v, kind %s", err, ringbid.KindOf(err))
	}
	two := ringbid.Errorf(ringbid.Unavailable, "%w and %w", io.EOF, io.ErrClosedPipe)
	if !errors.Is(two, io.EOF) || !errors.Is(two, io.ErrClosedPipe) || ringbid.KindOf(two) != ringbid.Unavailable {
		t.Errorf("of two causes one is lost: %v", two)
	}
	wrapped := fmt.Errorf("outer: %w", ringbid.FieldError("zip", "has %d digits", 4))
	if ringbid.KindOf(wrapped) != ringbid.Invalid || wrapped.Error() != "outer: zip: has 4 digits" {
		t.Errorf("got %v, kind %s", wrapped, ringbid.KindOf(wrapped))
	}
	if ringbid.KindOf(io.EOF) != ringbid.Internal || ringbid.KindOf(nil) != ringbid.Internal {
		t.Error("an error without a kind is not internal")
	}
	if ringbid.Busy.String() != "busy" || ringbid.Kind(99).String() != "internal" {
		t.Error("kinds have other names")
	}
}
