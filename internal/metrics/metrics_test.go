package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func gauge(help string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "evenkeel_test_things", Help: help}, nil)
}

func TestRegister(t *testing.T) {
	r := prometheus.NewRegistry()
	first, second := gauge("Things."), gauge("Things.")
	if err := Register(r, &first); err != nil {
		t.Fatal(err)
	}
	held := first
	if err := Register(r, &second); err != nil || first != held || second != first {
		t.Errorf("the second user does not share the first one's: %v", err)
	}
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "evenkeel_test_things", Help: "Things."}, nil)
	if err := Register(r, &counter); err == nil {
		t.Error("a counter took the name of a gauge")
	}
	other := gauge("Other things.")
	if err := Register(r, &other); err == nil {
		t.Error("one name has two meanings")
	}
	alone := gauge("Things.")
	if err := Register(nil, &alone); err != nil || alone == first {
		t.Errorf("without a registerer: %v", err)
	}
}
