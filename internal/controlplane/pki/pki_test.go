package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := OpenAuthority(dir, "ca", noon)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func parse(t *testing.T, pair KeyPair) *x509.Certificate {
	t.Helper()
	certificate, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Leaf
}

func TestIssue(t *testing.T) {
	a := open(t, t.TempDir())
	pair, err := a.Issue(Identity{
		Name: "server", Groups: []string{"g1", "g2"}, DNSNames: []string{"server.test"},
		IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Usage: x509.ExtKeyUsageServerAuth,
	}, noon)
	if err != nil {
		t.Fatal(err)
	}
	leaf := parse(t, pair)
	if diff := cmp.Diff([]string{"g1", "g2"}, leaf.Subject.Organization); leaf.Subject.CommonName != "server" || diff != "" {
		t.Errorf("subject is %s", leaf.Subject)
	}
	for name, test := range map[string]struct {
		reason string
		at     time.Time
		name   string
		usage  x509.ExtKeyUsage
		pool   *x509.CertPool
		valid  bool
	}{
		"by name": {
			reason: "a DNS name it has",
			at:     noon, name: "server.test", usage: x509.ExtKeyUsageServerAuth, pool: a.Pool(), valid: true,
		},
		"by address": {
			reason: "an address it has",
			at:     noon, name: "127.0.0.1", usage: x509.ExtKeyUsageServerAuth, pool: a.Pool(), valid: true,
		},
		"clock behind": {
			reason: "validity begins a little earlier",
			at:     noon.Add(-time.Minute), name: "server.test", usage: x509.ExtKeyUsageServerAuth, pool: a.Pool(), valid: true,
		},
		"expired": {
			reason: "a year is over",
			at:     noon.Add(366 * 24 * time.Hour), name: "server.test", usage: x509.ExtKeyUsageServerAuth, pool: a.Pool(),
		},
		"another name": {
			reason: "not its name",
			at:     noon, name: "other.test", usage: x509.ExtKeyUsageServerAuth, pool: a.Pool(),
		},
		"as a client": {
			reason: "a server's certificate is no client's",
			at:     noon, usage: x509.ExtKeyUsageClientAuth, pool: a.Pool(),
		},
		"other authority": {
			reason: "a stranger's signature",
			at:     noon, name: "server.test", usage: x509.ExtKeyUsageServerAuth, pool: open(t, t.TempDir()).Pool(),
		},
	} {
		_, err := leaf.Verify(x509.VerifyOptions{
			Roots: test.pool, CurrentTime: test.at, DNSName: test.name, KeyUsages: []x509.ExtKeyUsage{test.usage},
		})
		if (err == nil) != test.valid {
			t.Errorf("%s: verification says %v, want valid %t: %s", name, err, test.valid, test.reason)
		}
	}
}

func TestIssueRefuses(t *testing.T) {
	a := open(t, t.TempDir())
	for name, id := range map[string]Identity{
		"no name":       {Usage: x509.ExtKeyUsageClientAuth},
		"no usage":      {Name: "u"},
		"another usage": {Name: "u", Usage: x509.ExtKeyUsageCodeSigning},
	} {
		if _, err := a.Issue(id, noon); err == nil {
			t.Errorf("%s: a certificate was issued", name)
		}
	}
}

func TestNoTwoAreTheSame(t *testing.T) {
	a := open(t, t.TempDir())
	serials, keys := map[string]bool{}, map[string]bool{}
	for range 50 {
		pair, err := a.Issue(Identity{Name: "u", Usage: x509.ExtKeyUsageClientAuth}, noon)
		if err != nil {
			t.Fatal(err)
		}
		serials[parse(t, pair).SerialNumber.String()] = true
		keys[string(pair.Key)] = true
	}
	if len(serials) != 50 || len(keys) != 50 {
		t.Errorf("50 certificates have %d serial numbers and %d keys", len(serials), len(keys))
	}
}

func TestAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	pair, err := open(t, dir).Issue(Identity{Name: "u", Usage: x509.ExtKeyUsageClientAuth}, noon)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parse(t, pair).Verify(x509.VerifyOptions{
		Roots: open(t, dir).Pool(), CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		t.Errorf("the reopened authority does not know its certificate: %v", err)
	}
	for _, name := range []string{"ca.crt", "ca.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, mode)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("the directory holds %v, want the certificate and the key", files)
	}
}

func TestOpenAuthorityRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"key lost":         {damage: func(dir string) error { return os.Remove(filepath.Join(dir, "ca.key")) }, want: "restore the other"},
		"certificate lost": {damage: func(dir string) error { return os.Remove(filepath.Join(dir, "ca.crt")) }, want: "restore the other"},
		"bad certificate": {damage: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("nonsense"), 0o600)
		}, want: "ca.crt"},
		"bad key": {damage: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca.key"), []byte("nonsense"), 0o600)
		}, want: "private key"},
		"unreadable": {damage: func(dir string) error {
			path := filepath.Join(dir, "ca.crt")
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, want: "ca.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir)
			if err := test.damage(dir); err != nil {
				t.Fatal(err)
			}
			_, err := OpenAuthority(dir, "ca", noon)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that says %q", err, test.want)
			}
		})
	}
}

func TestSigningKeyIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sa.key")
	var keys []string
	for range 2 {
		if err := OpenSigningKey(path); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(data))
	}
	if keys[0] != keys[1] {
		t.Error("opening the key again changed it")
	}
	if !strings.Contains(keys[0], "PRIVATE KEY") {
		t.Error("the file holds no private key")
	}
}

func TestWriteSecret(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	for _, text := range []string{"first", "second"} {
		if err := WriteSecret(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("file holds %q (%v), want %q", got, err, text)
		}
	}
	err := WriteSecret(filepath.Join(dir, "missing", "secret"), nil)
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("into a missing directory: got %v, want an error that names it", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("the directory holds %v, want the one file", files)
	}
}
