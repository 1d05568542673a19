package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
)

func usageFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "usage.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadUsage(t *testing.T) {
	cfg, err := readUsage("")
	if err != nil || cfg.Usage.MetricsAPI == nil || cfg.PastQuery != meter.Query {
		t.Errorf("without a file: %+v, %v", cfg, err)
	}
	cfg, err = readUsage(usageFile(t, "usage: {prometheus: {address: http://127.0.0.1:1}}\npastQuery: load\n"))
	if err != nil || cfg.Usage.Prometheus == nil || cfg.PastQuery != "load" || cfg.PodQuery != meter.PodQuery("namespace", "pod") {
		t.Fatalf("with one: %+v, %v", cfg, err)
	}
	for name, test := range map[string]struct {
		file string
		past bool
	}{"prometheus": {"usage: {prometheus: {address: http://127.0.0.1:1, bearerTokenFile: /nowhere}}", true}, "metricsAPI": {"usage: {metricsAPI: {}}", false}} {
		cfg, err := readUsage(usageFile(t, test.file))
		if err != nil {
			t.Fatal(err)
		}
		s, err := cfg.open(&rest.Config{Host: "http://127.0.0.1:1"}, prometheus.NewRegistry())
		if err != nil || (s.past != nil) != test.past || (s.ran != nil) != test.past {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestReadUsageRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a misspelt field": {"usage: {prometheus: {adress: http://x}}", "adress"},
		"no address":       {"usage: {prometheus: {}}", "usage.prometheus.address"},
		"all pods":         {"usage: {prometheus: {address: http://x}}\npodQuery: pods", "podQuery"},
		"a load-watcher":   {"usage: {loadWatcher: {address: http://x}}", "usage.loadWatcher"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readUsage(usageFile(t, test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
	if _, err := readUsage("/nowhere.yaml"); err == nil || !strings.Contains(err.Error(), "--usage") {
		t.Errorf("no file: %v", err)
	}
}

// TestReadmeUsage: the file that the README shows can be read.
func TestReadmeUsage(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the README has no example")
	}
	cfg, err := readUsage(usageFile(t, example))
	if err != nil || cfg.Usage.Prometheus == nil || cfg.PastQuery != meter.Query || strings.TrimSpace(cfg.PodQuery) != meter.PodQuery("namespace", "pod") {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

// TestJobs: those that ended are asked of Prometheus, those that run of the collector.
func TestJobs(t *testing.T) {
	now := time.Now()
	ended := meter.Job{Namespace: "n", Name: "ended", Pods: 1, Started: now.Add(-time.Hour), Ended: now.Add(-10 * time.Minute)}
	runs := meter.Job{Namespace: "n", Name: "runs", Pods: 1, Started: now.Add(-time.Hour)}
	for name, test := range map[string]struct {
		file  string
		fails bool
	}{"prometheus": {"usage: {prometheus: {address: http://127.0.0.1:1}}", true}, "metricsAPI": {"usage: {metricsAPI: {}}", false}} {
		cfg, err := readUsage(usageFile(t, test.file))
		if err != nil {
			t.Fatal(err)
		}
		s, err := cfg.open(&rest.Config{Host: "http://127.0.0.1:1"}, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		if uses, err := s.Jobs(t.Context(), []meter.Job{runs}, now); err != nil || len(uses) > 0 {
			t.Errorf("%s: before anything is known: %v, %v", name, uses, err)
		}
		if uses, err := s.Jobs(t.Context(), []meter.Job{ended, runs}, now); (err != nil) != test.fails || len(uses) > 0 {
			t.Errorf("%s: with nobody there: %v, %v", name, uses, err)
		}
	}
}
