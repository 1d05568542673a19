package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/limit"
	"github.com/evenkeel/evenkeel/internal/usage/vector"
)

// client asks one Prometheus.
type client struct {
	cfg     *usage.PrometheusConfig
	http    *http.Client
	timeout time.Duration
}

// unreachable says that no query can be answered just now: there is no use in
// asking the next one.
type unreachable struct{ error }

func (e unreachable) Unwrap() error { return e.error }

// newHTTPClient makes the client that the configuration describes.
func newHTTPClient(cfg *usage.PrometheusConfig) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading prometheus.caFile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading prometheus.caFile: %s holds no certificate in PEM", cfg.CAFile)
		}
	}
	if cfg.CertFile != "" {
		// Read at each handshake, so that a renewed certificate is taken up.
		load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("reading prometheus.certFile and keyFile: %w", err)
			}
			return &pair, nil
		}
		if _, err := load(nil); err != nil {
			return nil, err
		}
		config.GetClientCertificate = load
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		MaxIdleConnsPerHost: cfg.Concurrency,
		IdleConnTimeout:     5 * time.Minute,
		// Unpacking would cost more than the network does.
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
	}}, nil
}

// query asks and hands the series to each, as Scanner.Decode does.
func (c *client) query(ctx context.Context, s *vector.Scanner, promQL string, labels []string, each func(vector.Series)) (vector.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := c.request(ctx, promQL)
	if err != nil {
		return vector.Answer{}, unreachable{err}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return vector.Answer{}, unreachable{c.hint(fmt.Errorf("asking Prometheus: %w", err))}
	}
	defer response.Body.Close()
	most := c.cfg.MaxResponseBytes
	if response.StatusCode != http.StatusOK {
		most = min(most, 64<<10)
	}
	s.Reset(limit.Reader(response.Body, most, "prometheus.maxResponseBytes"))
	got, err := s.Decode(labels, each)
	switch {
	case response.StatusCode != http.StatusOK:
		return got, c.refused(response, got)
	case errors.Is(err, context.DeadlineExceeded):
		return got, unreachable{c.hint(err)}
	default:
		return got, err
	}
}

func (c *client) request(ctx context.Context, promQL string) (*http.Request, error) {
	form := url.Values{
		"query": {promQL},
		// A little less than we wait, so that a slow query is refused as such.
		"timeout": {span(c.timeout * 9 / 10)},
	}
	address := strings.TrimSuffix(c.cfg.Address, "/") + "/api/v1/query"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", address, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if c.cfg.BearerTokenFile == "" {
		return request, nil
	}
	token, err := os.ReadFile(c.cfg.BearerTokenFile)
	if err != nil {
		return nil, fmt.Errorf("reading prometheus.bearerTokenFile: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return request, nil
}

// hint adds the cure to an error of time.
func (c *client) hint(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: nothing came within %v: see whether Prometheus is overloaded, or raise timeout", err, c.timeout)
	}
	return err
}

// refused makes an error of an answer that is not OK. What Prometheus says about
// the one query is that query's; all else is about the way to it.
func (*client) refused(response *http.Response, got vector.Answer) error {
	switch {
	case got.Status == "error":
		return fmt.Errorf("evaluating the query: %s: %s", got.Kind, got.Message)
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		return unreachable{fmt.Errorf("asking Prometheus: %s: see prometheus.bearerTokenFile, certFile and keyFile", response.Status)}
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return unreachable{fmt.Errorf("asking Prometheus: %s to %q: put that in prometheus.address", response.Status, response.Header.Get("Location"))}
	default:
		return unreachable{fmt.Errorf("asking Prometheus: %s: see prometheus.address", response.Status)}
	}
}
