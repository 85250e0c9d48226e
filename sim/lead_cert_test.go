package sim

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

// TestCerts has a careful client believe one certificate and refuse the others,
// each for its own reason; nothing is posted to those.
func TestCerts(t *testing.T) {
	t.Parallel()
	good, pool, err := GoodCert()
	if err != nil {
		t.Fatal(err)
	}
	b, c := leadBuyers(t, LeadBuyersConfig{TLS: good}), poster(t)
	c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	if status, a := says(t, c, b.URL("fast"), "application/json", "k", aLead("k")); status != 200 || a.Status != "accepted" {
		t.Errorf("%d %+v", status, a)
	}
	if m := meet(t, c, b.URL("reset"), "application/json", aLead("k"), 5*time.Second); m.err == nil || m.late || b.Kept("reset", "k") != 1 {
		t.Errorf("reset over TLS: %+v", m)
	}
	for kind, is := range map[string]func(error) bool{
		CertExpired: func(err error) bool {
			e, ok := errors.AsType[x509.CertificateInvalidError](err)
			return ok && e.Reason == x509.Expired
		},
		CertWrongName:  func(err error) bool { _, ok := errors.AsType[x509.HostnameError](err); return ok },
		CertSelfSigned: func(err error) bool { _, ok := errors.AsType[x509.UnknownAuthorityError](err); return ok },
	} {
		bad, pool, err := BadCert(kind)
		if err != nil {
			t.Fatal(err)
		}
		b, c := leadBuyers(t, LeadBuyersConfig{TLS: bad}), poster(t)
		c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
		if m := meet(t, c, b.URL("fast"), "application/json", aLead("k"), 5*time.Second); !is(m.err) || b.Count("fast").Posts != 0 {
			t.Errorf("%s: %v", kind, m.err)
		}
	}
	if _, _, err := BadCert("good"); ringbid.KindOf(err) != ringbid.Invalid {
		t.Error(err)
	}
}
