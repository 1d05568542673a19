package controlplane

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/evenkeel/evenkeel/internal/controlplane/pki"
)

const (
	// adminUser is in system:masters, which RBAC and fairness limits do not bind.
	adminUser       = "evenkeel-admin"
	mastersGroup    = "system:masters"
	frontProxyUser  = "front-proxy-client"
	serviceRange    = "10.96.0.0/16"
	apiServerIP     = "10.96.0.1"
	loopbackAddress = "127.0.0.1"
)

// credentials are the secrets of one control plane and the files that its components read them from.
type credentials struct {
	dir        string
	ca         *pki.Authority
	frontProxy *pki.Authority
}

// openCredentials finds or creates the authorities and the signing key in dir, and issues the
// components' certificates anew, so that a kept directory never serves an expired one.
func openCredentials(dir string, now time.Time) (*credentials, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating credentials directory: %w", err)
	}
	ca, err := pki.OpenAuthority(dir, "ca", now)
	if err != nil {
		return nil, err
	}
	frontProxy, err := pki.OpenAuthority(dir, "front-proxy-ca", now)
	if err != nil {
		return nil, err
	}
	c := &credentials{dir: dir, ca: ca, frontProxy: frontProxy}
	if err := pki.OpenSigningKey(c.path("sa.key")); err != nil {
		return nil, err
	}
	if err := c.keep("apiserver", ca, apiServerIdentity(), now); err != nil {
		return nil, err
	}
	proxy := pki.Identity{Name: frontProxyUser, Usage: x509.ExtKeyUsageClientAuth}
	return c, c.keep("front-proxy-client", frontProxy, proxy, now)
}

func (c *credentials) path(name string) string { return filepath.Join(c.dir, name) }

func (c *credentials) keep(name string, a *pki.Authority, id pki.Identity, now time.Time) error {
	pair, err := a.Issue(id, now)
	if err != nil {
		return err
	}
	if err := pki.WriteSecret(c.path(name+".key"), pair.Key); err != nil {
		return err
	}
	return pki.WriteSecret(c.path(name+".crt"), pair.Cert)
}

// client returns the configuration of a client of host that is the user, in the groups.
func (c *credentials) client(host, user string, groups []string, now time.Time) (*rest.Config, error) {
	pair, err := c.ca.Issue(pki.Identity{Name: user, Groups: groups, Usage: x509.ExtKeyUsageClientAuth}, now)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: host,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   c.ca.CertPEM(),
			CertData: pair.Cert,
			KeyData:  pair.Key,
		},
		QPS:   clientQPS,
		Burst: clientBurst,
		// Compressing for a peer in the same process costs both sides and saves nothing.
		DisableCompression: true,
	}, nil
}

func apiServerIdentity() pki.Identity {
	return pki.Identity{
		Name: "kube-apiserver",
		DNSNames: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local",
		},
		IPs:   []net.IP{net.ParseIP(loopbackAddress), net.ParseIP(apiServerIP)},
		Usage: x509.ExtKeyUsageServerAuth,
	}
}

// WriteKubeconfig writes the configuration as a kubeconfig that stands alone (credentials inside),
// readable by its owner alone. Credentials that cfg names by file are read in.
func WriteKubeconfig(path string, cfg *rest.Config) error {
	inlined := rest.CopyConfig(cfg)
	if err := rest.LoadTLSFiles(inlined); err != nil {
		return fmt.Errorf("reading credentials for kubeconfig %q: %w", path, err)
	}
	if inlined.BearerTokenFile != "" {
		token, err := os.ReadFile(inlined.BearerTokenFile)
		if err != nil {
			return fmt.Errorf("reading token for kubeconfig %q: %w", path, err)
		}
		inlined.BearerToken = strings.TrimSpace(string(token))
	}
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["evenkeel"] = &clientcmdapi.Cluster{
		Server:                   inlined.Host,
		CertificateAuthorityData: inlined.CAData,
		TLSServerName:            inlined.ServerName,
	}
	kubeconfig.AuthInfos["evenkeel"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: inlined.CertData,
		ClientKeyData:         inlined.KeyData,
		Token:                 inlined.BearerToken,
	}
	kubeconfig.Contexts["evenkeel"] = &clientcmdapi.Context{Cluster: "evenkeel", AuthInfo: "evenkeel"}
	kubeconfig.CurrentContext = "evenkeel"
	data, err := clientcmd.Write(*kubeconfig)
	if err != nil {
		return fmt.Errorf("encoding kubeconfig %q: %w", path, err)
	}
	return pki.WriteSecret(path, data)
}
