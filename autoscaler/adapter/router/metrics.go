package router

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	register "github.com/evenkeel/evenkeel/internal/metrics"
)

// Registerer registers metrics; nil for none.
type Registerer = prometheus.Registerer

type metrics struct {
	requests *prometheus.CounterVec
}

func newMetrics(r Registerer) (*metrics, error) {
	m := &metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "evenkeel_adapter_upstream_requests_total", Help: "Questions to other metrics servers, by server and HTTP status.",
	}, []string{"server", "code"})}
	return m, register.Register(r, &m.requests)
}

// asked counts an answer by its status, which every error of an upstream has.
func (m *metrics) asked(server string, err error) {
	code := int32(http.StatusOK)
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code = status.Status().Code
	}
	m.requests.WithLabelValues(server, strconv.Itoa(int(code))).Inc()
}
