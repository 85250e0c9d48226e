package storetest

import (
	"testing"

	"github.com/ringbid/ringbid/store"
)

func Main(m *testing.M) int                                       { return m.Run() }
func DB(t testing.TB) string                                      { return "" }
func Open(t testing.TB, edit ...func(*store.Config)) *store.Store { return nil }
