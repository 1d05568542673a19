package app

import (
	"fmt"
	"io"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/internal/promapi"
	"github.com/evenkeel/evenkeel/internal/usage/limit"
)

// newPrometheus returns a client of the Prometheus that is configured.
func newPrometheus(c *config.Prometheus) (promv1.API, error) {
	reach := promapi.Config{Address: c.Address, BearerTokenFile: c.BearerTokenFile, CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile}
	if most := c.MaxBytes.Value(); most > 0 {
		tooLarge := fmt.Errorf("the answer of Prometheus has more than %d bytes: match fewer series in the rule, or raise prometheus.maxBytes", most)
		reach.Through = func(answer io.Reader) io.Reader { return limit.Until(answer, most, tooLarge) }
	}
	return promapi.New(reach)
}
