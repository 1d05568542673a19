// Package promapi makes clients of Prometheus' HTTP API.
package promapi

import (
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
)

// Config says how a Prometheus is reached.
type Config struct {
	// Address is its URL, with the path before /api/v1 if there is one.
	Address string
	// BearerTokenFile holds the token sent along, CAFile the certificates to trust instead of the system's, CertFile and
	// KeyFile the client's certificate and key. Each may be empty.
	BearerTokenFile, CAFile, CertFile, KeyFile string
	// Through is what answers are read through, as to bound them; nil: as they come.
	Through func(io.Reader) io.Reader
}

// New returns a client that reads its files anew when they change. It follows no redirect: the token is for the address
// configured.
func New(c Config) (promv1.API, error) {
	web := config.HTTPClientConfig{
		EnableHTTP2: true,
		TLSConfig:   config.TLSConfig{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile},
	}
	if c.BearerTokenFile != "" {
		web.Authorization = &config.Authorization{Type: "Bearer", CredentialsFile: c.BearerTokenFile}
	}
	if err := web.Validate(); err != nil {
		return nil, fmt.Errorf("reading the configuration of Prometheus: %w", err)
	}
	client, err := config.NewClientFromConfig(web, "prometheus")
	if err != nil {
		return nil, fmt.Errorf("making a client of Prometheus: %w", err)
	}
	if c.Through != nil {
		client.Transport = &reading{client.Transport, c.Through}
	}
	made, err := api.NewClient(api.Config{Address: c.Address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("making a client of Prometheus at %s: %w", c.Address, err)
	}
	return promv1.NewAPI(made), nil
}

// reading has answers read through something.
type reading struct {
	http.RoundTripper

	through func(io.Reader) io.Reader
}

// RoundTrip implements http.RoundTripper.
func (r *reading) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{r.through(response.Body), response.Body}
	}
	return response, err
}
