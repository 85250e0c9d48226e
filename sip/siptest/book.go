package siptest

import (
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/ringbid/ringbid"
)

// Book is a set of trunks that a test changes while a server reads it. The zero
// value is empty.
type Book struct {
	mu    sync.Mutex
	named map[string]*ringbid.Trunk
}

// NewBook returns a book of the trunks.
func NewBook(trunks ...*ringbid.Trunk) *Book {
	b := &Book{}
	for _, t := range trunks {
		b.Put(t)
	}
	return b
}

// Put adds a trunk, in place of the one of its name.
func (b *Book) Put(t *ringbid.Trunk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := maps.Clone(b.named)
	if m == nil {
		m = map[string]*ringbid.Trunk{}
	}
	m[t.Name] = t
	b.named = m
}

// All returns the trunks by name; nobody may change the map.
func (b *Book) All() map[string]*ringbid.Trunk {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.named
}

// From finds the trunk of an address: of several, the first by name.
func (b *Book) From(a netip.Addr) (*ringbid.Trunk, bool) {
	all := b.All()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if t := all[name]; t.Admits(a) {
			return t, true
		}
	}
	return nil, false
}

// At finds the trunk by where its calls go.
func (b *Book) At(host string, port int) (*ringbid.Trunk, bool) {
	return (&ringbid.Book{Trunks: b.All()}).TrunkAt(host, port)
}

// Named finds the trunk with the name.
func (b *Book) Named(name string) (*ringbid.Trunk, bool) {
	t, ok := b.All()[name]
	return t, ok
}

// Accounts returns the trunks with Accept, by username.
func (b *Book) Accounts() map[string]*ringbid.Trunk {
	out := map[string]*ringbid.Trunk{}
	for _, t := range b.All() {
		if t.Accept.Username != "" {
			out[t.Accept.Username] = t
		}
	}
	return out
}
