package sip

import (
	"sync"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// clients keeps what each trunk's peer must prove over TLS, made once.
type clients struct {
	mu   sync.Mutex
	made map[string]client // by trunk name: as many as trunks were ever configured
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
	name := t.CertificateName()
	x.mu.Lock()
	defer x.mu.Unlock()
	if have, ok := x.made[t.Name]; ok && have.from == t.TLS && have.name == name {
		return have.c, nil
	}
	c, err := leg.NewClient(name, t.TLS.CA, t.TLS.Certificate, t.TLS.Key.Reveal())
	if err != nil {
		return nil, err
	}
	if x.made == nil {
		x.made = map[string]client{}
	}
	x.made[t.Name] = client{t.TLS, name, c}
	return c, nil
}
