package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, config := range []string{"1", "2", "1"} {
		m, err := New(registry, "prometheus", config, []string{"nan", "future"})
		if err != nil {
			t.Fatalf("one registerer, several collectors: %v", err)
		}
		m.Dropped("nan")
		m.Failed("mean", time.Second)
		m.Failed("mean", time.Second, "disk", "network")
		m.Read("p95", time.Second, noon)
		m.Published(noon, 3, 4, 5, noon.Add(-time.Minute).UnixMilli())
	}
	want := `
# HELP evenkeel_usage_dropped_readings_total Readings that were not believed, by reason.
# TYPE evenkeel_usage_dropped_readings_total counter
evenkeel_usage_dropped_readings_total{config="1",reason="future",source="prometheus"} 0
evenkeel_usage_dropped_readings_total{config="1",reason="nan",source="prometheus"} 2
evenkeel_usage_dropped_readings_total{config="2",reason="future",source="prometheus"} 0
evenkeel_usage_dropped_readings_total{config="2",reason="nan",source="prometheus"} 1
# HELP evenkeel_usage_refresh_failures_total Reads of one statistic that failed, by dimension where the others did not.
# TYPE evenkeel_usage_refresh_failures_total counter
evenkeel_usage_refresh_failures_total{config="1",dimension="all",source="prometheus",statistic="mean"} 2
evenkeel_usage_refresh_failures_total{config="1",dimension="disk",source="prometheus",statistic="mean"} 2
evenkeel_usage_refresh_failures_total{config="1",dimension="network",source="prometheus",statistic="mean"} 2
evenkeel_usage_refresh_failures_total{config="2",dimension="all",source="prometheus",statistic="mean"} 1
evenkeel_usage_refresh_failures_total{config="2",dimension="disk",source="prometheus",statistic="mean"} 1
evenkeel_usage_refresh_failures_total{config="2",dimension="network",source="prometheus",statistic="mean"} 1
# HELP evenkeel_usage_objects Objects in the snapshot, by kind.
# TYPE evenkeel_usage_objects gauge
evenkeel_usage_objects{config="1",kind="node",source="prometheus"} 3
evenkeel_usage_objects{config="1",kind="pod",source="prometheus"} 4
evenkeel_usage_objects{config="1",kind="workload",source="prometheus"} 5
evenkeel_usage_objects{config="2",kind="node",source="prometheus"} 3
evenkeel_usage_objects{config="2",kind="pod",source="prometheus"} 4
evenkeel_usage_objects{config="2",kind="workload",source="prometheus"} 5
# HELP evenkeel_usage_newest_node_sample_timestamp_seconds When the youngest sample of any node was true.
# TYPE evenkeel_usage_newest_node_sample_timestamp_seconds gauge
evenkeel_usage_newest_node_sample_timestamp_seconds{config="1",source="prometheus"} 1.79526234e+09
evenkeel_usage_newest_node_sample_timestamp_seconds{config="2",source="prometheus"} 1.79526234e+09
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "evenkeel_usage_dropped_readings_total",
		"evenkeel_usage_refresh_failures_total", "evenkeel_usage_objects", "evenkeel_usage_newest_node_sample_timestamp_seconds"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 26 {
		t.Errorf("%d series, %v", n, err)
	}
}

func TestNoRegisterer(t *testing.T) {
	m, err := New(nil, "a", "b", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Dropped("nan")
	if n := testutil.ToFloat64(m.dropped); n != 1 {
		t.Errorf("%v were counted", n)
	}
}

func TestNameTaken(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "evenkeel_usage_objects", Help: "x"}))
	if _, err := New(registry, "a", "b", nil); err == nil || !strings.Contains(err.Error(), "registering the metrics of usage") {
		t.Errorf("a name that is taken gives %v", err)
	}
}
