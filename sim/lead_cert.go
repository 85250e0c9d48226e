package sim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/ringbid/ringbid"
)

// Kinds of certificates that must not be believed.
const (
	CertExpired    = "expired"     // of an authority, ended an hour ago
	CertWrongName  = "wrong-name"  // of an authority, for another host
	CertSelfSigned = "self-signed" // of nobody
)

// GoodCert makes a certificate for localhost, 127.0.0.1 and ::1, and the
// authority that a client has to believe for it.
func GoodCert() (*tls.Config, *x509.CertPool, error) { return makeCert("") }

// BadCert makes a certificate that a careful client refuses, and an authority to
// believe: with it nothing but the one thing is wrong. A kind that is not known
// is an Invalid error.
func BadCert(kind string) (*tls.Config, *x509.CertPool, error) {
	switch kind {
	case CertExpired, CertWrongName, CertSelfSigned:
		return makeCert(kind)
	}
	return nil, nil, ringbid.FieldError("kind", "%q is none of %s, %s, %s", kind, CertExpired, CertWrongName, CertSelfSigned)
}

func makeCert(kind string) (*tls.Config, *x509.CertPool, error) {
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated Authority"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	host := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(12 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	switch kind {
	case CertExpired:
		host.NotAfter = now.Add(-time.Hour)
	case CertWrongName:
		host.Subject.CommonName, host.DNSNames, host.IPAddresses = "elsewhere.example", []string{"elsewhere.example"}, nil
	}
	root, rootKey, err := issueCert(authority, nil, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make authority: %w", err)
	}
	signer, signerKey := root, rootKey
	if kind == CertSelfSigned {
		signer, signerKey = nil, nil
	}
	leaf, leafKey, err := issueCert(host, signer, signerKey)
	if err != nil {
		return nil, nil, fmt.Errorf("make certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey, Leaf: leaf}},
	}, pool, nil
}

// issueCert makes a certificate with a key of its own; without a signer it signs
// itself.
func issueCert(of, by *x509.Certificate, with crypto.Signer) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if by == nil {
		by, with = of, key
	}
	der, err := x509.CreateCertificate(rand.Reader, of, by, key.Public(), with)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}
