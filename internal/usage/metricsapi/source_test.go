package metricsapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func resources(cpu, memory string) v1.ResourceList {
	list := v1.ResourceList{}
	for name, text := range map[v1.ResourceName]string{v1.ResourceCPU: cpu, v1.ResourceMemory: memory} {
		if text != "" {
			list[name] = resource.MustParse(text)
		}
	}
	return list
}

func nodes(at time.Time) *v1beta1.NodeMetricsList {
	return &v1beta1.NodeMetricsList{
		TypeMeta: metav1.TypeMeta{APIVersion: "metrics.k8s.io/v1beta1", Kind: "NodeMetricsList"},
		Items: []v1beta1.NodeMetrics{
			{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Timestamp: metav1.NewTime(at), Usage: resources("1500m", "2Gi")},
			{ObjectMeta: metav1.ObjectMeta{Name: "n2"}, Usage: resources("250m", "")},
		},
	}
}

func pods(at time.Time) *v1beta1.PodMetricsList {
	return &v1beta1.PodMetricsList{
		TypeMeta: metav1.TypeMeta{APIVersion: "metrics.k8s.io/v1beta1", Kind: "PodMetricsList"},
		Items: []v1beta1.PodMetrics{
			{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "two"}, Timestamp: metav1.NewTime(at), Containers: []v1beta1.ContainerMetrics{
				{Name: "a", Usage: resources("100m", "10Mi")}, {Name: "b", Usage: resources("1u", "1Ki")},
			}},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "half"}, Timestamp: metav1.NewTime(at), Containers: []v1beta1.ContainerMetrics{
				{Name: "a", Usage: resources("100m", "10Mi")}, {Name: "b", Usage: resources("100m", "")},
			}},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "none"}, Timestamp: metav1.NewTime(at)},
		},
	}
}

// answer serves the lists as JSON, or fails a path.
func answer(fail map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/apis/metrics.k8s.io/v1beta1/")
		if handler := fail[path]; handler != nil {
			handler(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		var list any = nodes(noon)
		if path == "pods" {
			list = pods(noon)
		}
		json.NewEncoder(w).Encode(list)
	}
}

func open(t *testing.T, handler http.HandlerFunc, change func(*usage.Config)) usage.Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := usage.Config{MetricsAPI: &usage.MetricsAPIConfig{}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, &rest.Config{Host: server.URL}, clocktesting.NewFakePassiveClock(noon))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, s usage.Source, statistic usage.Statistic) (map[string]usage.Sample, error) {
	t.Helper()
	out := map[string]usage.Sample{}
	err := s.Read(t.Context(), statistic, func(r usage.Reading) {
		key := fmt.Sprintf("%s/%s %s", r.Object.Namespace, r.Object.Name, r.Dimension)
		if _, twice := out[key]; twice {
			t.Errorf("%s came twice", key)
		}
		out[key] = r.Sample
	})
	return out, err
}

var (
	at        = noon.UnixMilli()
	nodesWant = map[string]usage.Sample{
		"/n1 cpu": {Value: 1.5, At: at}, "/n1 memory": {Value: 2 << 30, At: at},
		"/n2 cpu": {Value: 0.25}, // without a time: the Collector drops it
	}
	podsWant = map[string]usage.Sample{
		"shop/two cpu": {Value: 0.100001, At: at}, "shop/two memory": {Value: 10<<20 + 1<<10, At: at},
		"shop/half cpu": {Value: 0.2, At: at}, // its memory is not known whole
	}
)

func TestRead(t *testing.T) {
	got, err := read(t, open(t, answer(nil), nil), usage.Mean)
	if err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(nodesWant)
	maps.Copy(want, podsWant)
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStatistics(t *testing.T) {
	s := open(t, answer(nil), nil)
	for statistic, want := range map[usage.Statistic]error{
		usage.Deviation: nil, usage.P95: nil, usage.Peak: usage.ErrUnsupported, usage.Capacity: usage.ErrUnsupported,
	} {
		if got, err := read(t, s, statistic); !errors.Is(err, want) || len(got) > 0 {
			t.Errorf("%s at the start: %v, %v", statistic, got, err)
		}
	}
}

func TestFaults(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, tc := range map[string]struct {
		fail   map[string]http.HandlerFunc
		change func(*usage.Config)
		want   string
		got    map[string]usage.Sample
	}{
		"no metrics-server": {map[string]http.HandlerFunc{"nodes": status(503, ""), "pods": status(503, "")}, nil, "see whether metrics-server runs", nil},
		"nodes forbidden":   {map[string]http.HandlerFunc{"nodes": status(403, "")}, nil, "listing the nodes of metrics.k8s.io", podsWant},
		"pods fail":         {map[string]http.HandlerFunc{"pods": status(500, "")}, nil, "listing the pods of metrics.k8s.io", nodesWant},
		"garbage":           {map[string]http.HandlerFunc{"pods": status(200, "<html>")}, nil, "listing the pods", nodesWant},
		"truncated":         {map[string]http.HandlerFunc{"pods": status(200, `{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","items":[{`)}, nil, "listing the pods", nodesWant},
		"negative":          {map[string]http.HandlerFunc{"pods": status(200, `{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","items":[{"containers":[{"usage":{"cpu":"x"}}]}]}`)}, nil, "listing the pods", nodesWant},
		"too large": {map[string]http.HandlerFunc{"pods": status(200, strings.Repeat(" ", 5000))},
			func(c *usage.Config) { c.MetricsAPI.MaxResponseBytes = 3000 }, "larger than 3000 bytes: raise usage.metricsAPI.maxResponseBytes", nodesWant},
		"hanging": {map[string]http.HandlerFunc{"nodes": hang, "pods": hang},
			func(c *usage.Config) { c.Timeout = metav1.Duration{Duration: 50 * time.Millisecond} }, "deadline exceeded", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, open(t, answer(tc.fail), tc.change), usage.Mean)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if len(got) != len(tc.got) {
				t.Errorf("read %v, want %v", got, tc.got)
			}
		})
	}
}

func TestNotMetricsAPI(t *testing.T) {
	cfg := usage.Config{LoadWatcher: &usage.LoadWatcherConfig{}}
	if _, err := New(cfg, &rest.Config{}, clocktesting.NewFakePassiveClock(noon)); err == nil {
		t.Error("a configuration without metricsAPI was opened")
	}
	if _, err := New(usage.Config{}, &rest.Config{Host: "://"}, clocktesting.NewFakePassiveClock(noon)); err == nil || !strings.Contains(err.Error(), "opening metrics.k8s.io") {
		t.Errorf("got %v", err)
	}
}
