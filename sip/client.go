package sip

import (
	"cmp"
	"sync"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// clients keeps what each trunk's peer must prove over TLS, made once.
type clients struct {
	mu   sync.Mutex
	made map[string]client // by trunk name, with "back " before it for callers: as many as trunks were ever configured
}

type client struct {
	from ringbid.TrunkTLS
	name string
	c    *leg.Client
}

// of returns what the trunk's peer must prove; nil over a transport that is not
// encrypted.
func (x *clients) of(t *ringbid.Trunk) (*leg.Client, error) {
	if !ringbid.Encrypted(t.Transport) {
		return nil, nil
	}
	return x.make(t, t.Name, t.CertificateName())
}

// back returns what the peer must prove that called us over TLS and is connected
// to because its own connection is gone; nil where the trunk gives it no name.
func (x *clients) back(t *ringbid.Trunk) (*leg.Client, error) {
	name := cmp.Or(t.TLS.Peer, t.CertificateName())
	if name == "" {
		return nil, nil
	}
	return x.make(t, "back "+t.Name, name)
}

func (x *clients) make(t *ringbid.Trunk, key, name string) (*leg.Client, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if have, ok := x.made[key]; ok && have.from == t.TLS && have.name == name {
		return have.c, nil
	}
	c, err := leg.NewClient(name, t.TLS.CA, t.TLS.Certificate, t.TLS.Key.Reveal())
	if err != nil {
		return nil, err
	}
	if x.made == nil {
		x.made = map[string]client{}
	}
	x.made[key] = client{t.TLS, name, c}
	return c, nil
}
