package antifragmentation

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := newCluster(t, map[string]string{"evenkeel": "", "most": "mode: MostRequested"}, WithRegisterer(registry))
	c.add(machine("a", "cpu=8 gpu=4", "A"))
	c.place(task("first", "cpu=1 gpu=1"), "a")
	c.schedule(task("p", "cpu=1 gpu=2"))
	c.schedule(withProfile(task("q", "cpu=1"), "most"))
	want := `
# HELP evenkeel_antifragmentation_idle_devices Devices that are not requested, parts counted as parts.
# TYPE evenkeel_antifragmentation_idle_devices gauge
evenkeel_antifragmentation_idle_devices{profile="evenkeel"} 3
evenkeel_antifragmentation_idle_devices{profile="most"} 1
# HELP evenkeel_antifragmentation_shapes Shapes of pod that the cluster is asked for.
# TYPE evenkeel_antifragmentation_shapes gauge
evenkeel_antifragmentation_shapes{profile="evenkeel"} 2
evenkeel_antifragmentation_shapes{profile="most"} 3
# HELP evenkeel_antifragmentation_stranded_devices Of the idle devices, those that the average pod that asks for devices cannot use where they are.
# TYPE evenkeel_antifragmentation_stranded_devices gauge
evenkeel_antifragmentation_stranded_devices{profile="evenkeel"} 0
evenkeel_antifragmentation_stranded_devices{profile="most"} 0.5
`
	gauges := []string{"evenkeel_antifragmentation_idle_devices", "evenkeel_antifragmentation_shapes", "evenkeel_antifragmentation_stranded_devices"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), gauges...); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "evenkeel_antifragmentation_pricing_duration_seconds"); n != 2 || err != nil {
		t.Errorf("%d histograms, %v", n, err)
	}
}

// TestMetricsFollow has gauges change in a mode without prices too.
func TestMetricsFollow(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := newCluster(t, map[string]string{"evenkeel": "mode: MostRequested"}, WithRegisterer(registry))
	c.add(machine("a", "cpu=8 gpu=4", "A"))
	c.schedule(task("p", "gpu=3"))
	c.clock.Step(2 * time.Minute)
	c.schedule(task("q", "cpu=1"))
	if got := testutil.ToFloat64(c.plugins["evenkeel"].metrics.idle); got != 1 {
		t.Errorf("%v devices are idle", got)
	}
}

func TestFactoriesShareMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	for range 2 {
		newCluster(t, map[string]string{"evenkeel": ""}, WithRegisterer(registry))
	}
	other := prometheus.NewGauge(prometheus.GaugeOpts{Name: "evenkeel_antifragmentation_shapes", Help: "Of another kind."})
	taken := prometheus.NewRegistry()
	taken.MustRegister(other)
	if _, err := newMetrics(taken); err == nil {
		t.Error("a metric of that name was there, and nobody says so")
	}
}

func TestReadmeListsTheMetrics(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	c := newCluster(t, map[string]string{"evenkeel": ""}, WithRegisterer(registry))
	c.add(machine("a", "cpu=8", ""))
	c.schedule(task("p", "cpu=1"))
	families, err := registry.Gather()
	if err != nil || len(families) != 4 {
		t.Fatalf("%d metrics, %v", len(families), err)
	}
	for _, f := range families {
		if !strings.Contains(string(text), "`"+f.GetName()+"`") {
			t.Errorf("the README does not list %s", f.GetName())
		}
	}
}
