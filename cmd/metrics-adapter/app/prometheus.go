package app

import (
	"fmt"

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
	made, err := api.NewClient(api.Config{Address: c.Address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("making a client of Prometheus at %s: %w", c.Address, err)
	}
	return promv1.NewAPI(made), nil
}
