package app

import (
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	promconfig "github.com/prometheus/common/config"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
)

// newPrometheus returns a client that reads its files anew when they change. It follows no redirect: the token is for
// the address configured.
func newPrometheus(c *config.Prometheus) (promv1.API, error) {
	web := promconfig.HTTPClientConfig{
		EnableHTTP2: true,
		TLSConfig:   promconfig.TLSConfig{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile},
	}
	if c.BearerTokenFile != "" {
		web.Authorization = &promconfig.Authorization{Type: "Bearer", CredentialsFile: c.BearerTokenFile}
	}
	if err := web.Validate(); err != nil {
		return nil, fmt.Errorf("reading the configuration of Prometheus: %w", err)
	}
	client, err := promconfig.NewClientFromConfig(web, "prometheus")
	if err != nil {
		return nil, fmt.Errorf("making a client of Prometheus: %w", err)
	}
	if most := c.MaxBytes.Value(); most > 0 {
		client.Transport = &bounded{client.Transport, most}
	}
	made, err := api.NewClient(api.Config{Address: c.Address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("making a client of Prometheus at %s: %w", c.Address, err)
	}
	return promv1.NewAPI(made), nil
}

// bounded has answers that are too long fail: they are read as a whole.
type bounded struct {
	http.RoundTripper

	most int64
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = &boundedBody{response.Body, b.most, b.most}
	}
	return response, err
}

// boundedBody reads so many bytes more, and then fails.
type boundedBody struct {
	io.ReadCloser

	left, most int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the answer of Prometheus has more than %d bytes: match fewer series in the rule, or raise prometheus.maxBytes", b.most)
	}
	return n, err
}
