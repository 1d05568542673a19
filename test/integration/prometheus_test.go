package integration

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	promclient "github.com/prometheus/client_golang/api"
	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/evenkeel/evenkeel/internal/replay"
)

// TestPrometheusServerAgrees has Debian's Prometheus scrape the replay, and asks
// it and the replay's own database the same questions.
func TestPrometheusServerAgrees(t *testing.T) {
	binary := prometheusBinary(t)
	// "hot" wants 6 cores of 4: it is seen to use 4.
	own, scraped := startReplay(t, map[string]float64{"calm": 1.25, "hot": 6})
	server := startPrometheus(t, binary, scraped)

	// The first samples that either has lie before the window by then.
	pollPrometheus(t, server, `min(count_over_time(node_cpu_seconds_total[6s])) > 15 and min(node_cpu_seconds_total offset 5s) >= 0`)
	at := time.Now()
	byNode := func(calm, hot float64) map[model.LabelValue]float64 {
		return map[model.LabelValue]float64{"calm": calm, "hot": hot, "on-calm": calm, "on-hot": hot}
	}
	// How far rate extrapolates hangs on when a server found time to scrape; the
	// slope of the samples does not.
	const loose, exact = 0.2, 1e-6
	const podCPU = `container_cpu_usage_seconds_total{container!=""}[5s]`
	tests := map[string]struct {
		query     string
		by        model.LabelName
		want      map[model.LabelValue]float64
		tolerance float64
	}{
		"cores of nodes":         {`sum by (node) (rate(node_cpu_seconds_total{mode!="idle"}[5s]))`, "node", byNode(1.25, 4), loose},
		"cores of nodes, by fit": {`sum by (node) (deriv(node_cpu_seconds_total{mode!="idle"}[5s]))`, "node", byNode(1.25, 4), exact},
		"idle share":             {`avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5s]))`, "node", byNode(1-1.25/4, 0), loose},
		"idle share, by fit":     {`avg by (node) (deriv(node_cpu_seconds_total{mode="idle"}[5s]))`, "node", byNode(1-1.25/4, 0), exact},
		"cores of pods":          {`sum by (pod) (rate(` + podCPU + `))`, "pod", byNode(1.25, 4), loose},
		"cores of pods, by fit":  {`sum by (pod) (deriv(` + podCPU + `))`, "pod", byNode(1.25, 4), exact},
		"memory of nodes":        {`node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes`, "node", byNode(1<<30, 1<<30), exact},
		"memory of pods":         {`container_memory_working_set_bytes`, "pod", byNode(1<<30, 1<<30), exact},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for who, api := range map[string]promapi.API{"the replay": own, "the server": server} {
				got := vectorOf(t, api, test.query, at)
				if len(got) != 2 {
					t.Errorf("%s has %d series, want 2: %v", who, len(got), got)
				}
				for _, sample := range got {
					want, known := test.want[sample.Metric[test.by]]
					if !known || math.Abs(float64(sample.Value)-want) > test.tolerance*max(1, want) {
						t.Errorf("%s says %v, want %v", who, sample, want)
					}
				}
			}
		})
	}
	// Of the newest scrape the server may not have kept everything yet.
	t.Run("every sample is one of the replay's", func(t *testing.T) { compareSamples(t, own, server, at.Add(-time.Second)) })
}

// compareSamples looks up each of the server's newest samples in the replay's
// database, at the time that the server has it for.
func compareSamples(t *testing.T, own, server promapi.API, at time.Time) {
	const all = `{__name__=~"node_.+|container_.+|machine_.+"}`
	samples := vectorOf(t, server, all, at)
	if want := 2*(4*2+4) + 2*2; len(samples) != want {
		t.Errorf("the server has %d series, want %d", len(samples), want)
	}
	times := map[string]time.Time{}
	for _, sample := range samples {
		name := sample.Metric[model.MetricNameLabel]
		for _, timed := range vectorOf(t, server, fmt.Sprintf("timestamp(%s)", name), at) {
			timed.Metric[model.MetricNameLabel] = name // timestamp() drops it
			times[seriesKey(timed.Metric)] = time.UnixMilli(int64(math.Round(float64(timed.Value) * 1000)))
		}
	}
	for _, sample := range samples {
		key := seriesKey(sample.Metric)
		then := times[key]
		if then.Equal(at) {
			t.Errorf("%s has a sample of the very moment of the query, %v", key, at)
		}
		kept := vectorOf(t, own, all, then)
		i := slices.IndexFunc(kept, func(s *model.Sample) bool { return seriesKey(s.Metric) == key })
		if i < 0 {
			t.Errorf("%s at %v is %v, but not in the replay", key, then, sample.Value)
		} else if got := kept[i].Value; got != sample.Value {
			t.Errorf("%s at %v is %v, but in the replay %v", key, then, sample.Value, got)
		}
	}
}

// seriesKey names a series without what the server adds to it.
func seriesKey(metric model.Metric) string {
	key := string(metric[model.MetricNameLabel])
	for _, label := range []model.LabelName{"node", "cpu", "mode", "namespace", "pod", "container"} {
		key += fmt.Sprintf(" %s=%q", label, metric[label])
	}
	return key
}

// startReplay replays constant curves, one pod a node of 4 CPUs.
func startReplay(t *testing.T, cores map[string]float64) (api promapi.API, address string) {
	t.Helper()
	client := fake.NewClientset()
	capacity := corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi")}
	for name := range cores {
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Status:     corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
		}
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "on-" + name, UID: types.UID(name)},
			Spec: corev1.PodSpec{NodeName: name, Containers: []corev1.Container{{
				Name:      "main",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"memory": resource.MustParse("1Gi")}},
			}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		}
		if err := client.Tracker().Add(node); err != nil {
			t.Fatal(err)
		}
		if err := client.Tracker().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	r, err := replay.New(replay.Options{
		Client: client, Step: 100 * time.Millisecond,
		Assign: func(pod *corev1.Pod) (replay.Curve, bool) { return replay.Constant(cores[pod.Spec.NodeName]), true },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return prometheusAPI(t, r.PrometheusURL()), r.PrometheusURL()
}

// prometheusBinary finds Debian's Prometheus, and installs it where it can.
func prometheusBinary(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("prometheus"); err == nil {
		return path
	}
	unavailable := t.Skipf
	if os.Getenv("CI") == "true" {
		unavailable = t.Fatalf
	}
	if os.Getuid() != 0 {
		unavailable("no prometheus in PATH, and only root can install it: apt-get install prometheus")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, arguments := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "prometheus"}} {
		install := exec.CommandContext(ctx, "apt-get", arguments...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := install.CombinedOutput(); err != nil {
			unavailable("no prometheus in PATH, and apt-get %v: %v\n%s", arguments, err, output)
		}
	}
	path, err := exec.LookPath("prometheus")
	if err != nil {
		unavailable("apt-get installed prometheus, but: %v", err)
	}
	return path
}

// startPrometheus runs a Prometheus server that scrapes one address five times a
// second.
func startPrometheus(t *testing.T, binary, scraped string) promapi.API {
	t.Helper()
	api, _ := startPrometheusAt(t, binary, scraped)
	return api
}

// startPrometheusAt says where the server is, too.
func startPrometheusAt(t *testing.T, binary, scraped string) (api promapi.API, url string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
scrape_configs:
  - job_name: replay
    scrape_interval: 200ms
    scrape_timeout: 200ms
    static_configs:
      - targets: [%q]
`, scraped[len("http://"):])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, binary, "--config.file="+config, "--web.listen-address="+address,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--log.level=warn")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	var log bytes.Buffer
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatalf("starting %s: %v", binary, err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was interrupted, so it says so
		if t.Failed() {
			t.Logf("prometheus said:\n%s", &log)
		}
	})
	url = "http://" + address
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/-/ready", nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		t.Fatalf("waiting for prometheus at %s: %v", url, err)
	}
	return prometheusAPI(t, url), url
}

// freeAddress is one that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func prometheusAPI(t *testing.T, url string) promapi.API {
	t.Helper()
	client, err := promclient.NewClient(promclient.Config{Address: url})
	if err != nil {
		t.Fatal(err)
	}
	return promapi.NewAPI(client)
}

// pollPrometheus waits until a query has an answer.
func pollPrometheus(t *testing.T, api promapi.API, query string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		answer, _, err := api.Query(ctx, query, time.Now())
		if err != nil {
			return false, err
		}
		vector, ok := answer.(model.Vector)
		return ok && len(vector) > 0, nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v", query, err)
	}
}

func vectorOf(t *testing.T, api promapi.API, query string, at time.Time) model.Vector {
	t.Helper()
	answer, _, err := api.Query(t.Context(), query, at)
	if err != nil {
		t.Fatalf("asking for %s: %v", query, err)
	}
	vector, ok := answer.(model.Vector)
	if !ok {
		t.Fatalf("%s is a %T, not a vector", query, answer)
	}
	return vector
}
