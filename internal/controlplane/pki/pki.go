// Package pki is a small certificate authority on disk: it makes the keys and certificates by which the
// parts of an embedded control plane, its clients and its aggregated servers know each other.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	authorityValidity   = 10 * 365 * 24 * time.Hour
	certificateValidity = 365 * 24 * time.Hour
	// clockSlack is how far back a certificate's validity starts, for clients whose clock is behind.
	clockSlack = 5 * time.Minute
)

// Authority is a certificate authority: it signs the certificates of one circle of trust.
type Authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	certPEM     []byte
}

// Identity is what a certificate says of its holder.
type Identity struct {
	// Name is the common name: the user, for a client. Required.
	Name string
	// Groups are the organizations: a client's groups.
	Groups []string
	// DNSNames and IPs are what a server may be called by.
	DNSNames []string
	IPs      []net.IP
	// Usage is x509.ExtKeyUsageClientAuth or x509.ExtKeyUsageServerAuth.
	Usage x509.ExtKeyUsage
}

// KeyPair is a certificate and its private key, PEM-encoded.
type KeyPair struct {
	Cert, Key []byte
}

// OpenAuthority reads the authority kept in dir under name, or creates and keeps it. One file
// without the other is an error: a new key would silently void every credential given out before.
func OpenAuthority(dir, name string, now time.Time) (*Authority, error) {
	certPath, keyPath := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	certPEM, certErr := os.ReadFile(certPath)
	keyPEM, keyErr := os.ReadFile(keyPath)
	switch {
	case certErr == nil && keyErr == nil:
		return parseAuthority(KeyPair{Cert: certPEM, Key: keyPEM}, certPath)
	case os.IsNotExist(certErr) && os.IsNotExist(keyErr):
		return createAuthority(name, certPath, keyPath, now)
	case certErr != nil && !os.IsNotExist(certErr):
		return nil, fmt.Errorf("reading certificate authority: %w", certErr)
	case keyErr != nil && !os.IsNotExist(keyErr):
		return nil, fmt.Errorf("reading certificate authority: %w", keyErr)
	}
	return nil, fmt.Errorf("reading certificate authority: only one of %q and %q exists: restore the other, "+
		"or remove the data directory to start anew", certPath, keyPath)
}

func parseAuthority(pair KeyPair, path string) (*Authority, error) {
	certificates, err := cert.ParseCertsPEM(pair.Cert)
	if err != nil {
		return nil, fmt.Errorf("reading certificate authority %q: %w", path, err)
	}
	parsed, err := keyutil.ParsePrivateKeyPEM(pair.Key)
	if err != nil {
		return nil, fmt.Errorf("reading private key of certificate authority %q: %w", path, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("reading private key of certificate authority %q: a %T cannot sign", path, parsed)
	}
	return &Authority{certificate: certificates[0], key: key, certPEM: pair.Cert}, nil
}

func createAuthority(name, certPath, keyPath string, now time.Time) (*Authority, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "evenkeel-" + name},
		NotBefore:             now.Add(-clockSlack),
		NotAfter:              now.Add(authorityValidity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("creating certificate authority %q: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("creating certificate authority %q: %w", name, err)
	}
	a := &Authority{certificate: certificate, key: key, certPEM: encodeCertificate(der)}
	if err := WriteSecret(keyPath, keyPEM); err != nil {
		return nil, err
	}
	return a, WriteSecret(certPath, a.certPEM)
}

// CertPEM returns the authority's own certificate, which those who trust it are given.
func (a *Authority) CertPEM() []byte { return a.certPEM }

// Pool returns the authority's certificate for use in a TLS configuration.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Issue signs a certificate for the identity, with a key of its own.
func (a *Authority) Issue(id Identity, now time.Time) (KeyPair, error) {
	if id.Name == "" {
		return KeyPair{}, fmt.Errorf("issuing certificate: the identity has no name")
	}
	if id.Usage != x509.ExtKeyUsageClientAuth && id.Usage != x509.ExtKeyUsageServerAuth {
		return KeyPair{}, fmt.Errorf("issuing certificate for %q: its usage is neither client nor server", id.Name)
	}
	key, keyPEM, err := newKey()
	if err != nil {
		return KeyPair{}, err
	}
	serial, err := serialNumber()
	if err != nil {
		return KeyPair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: id.Name, Organization: id.Groups},
		DNSNames:     id.DNSNames,
		IPAddresses:  id.IPs,
		NotBefore:    now.Add(-clockSlack),
		NotAfter:     now.Add(certificateValidity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{id.Usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("issuing certificate for %q: %w", id.Name, err)
	}
	return KeyPair{Cert: encodeCertificate(der), Key: keyPEM}, nil
}

// OpenSigningKey finds or makes the private key that service account tokens are signed with at path, so that
// tokens outlive a restart on the same data directory.
func OpenSigningKey(path string) error {
	_, err := os.Stat(path)
	if err == nil {
		return nil
	}
	if !os.IsNotExist(err) {
		return fmt.Errorf("reading service account signing key: %w", err)
	}
	_, keyPEM, err := newKey()
	if err != nil {
		return err
	}
	return WriteSecret(path, keyPEM)
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generating private key: %w", err)
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding private key: %w", err)
	}
	return key, keyPEM, nil
}

func serialNumber() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("drawing serial number: %w", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

// WriteSecret replaces the file at path in one step, readable by its owner alone.
func WriteSecret(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	_, err = file.Write(data)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der})
}
