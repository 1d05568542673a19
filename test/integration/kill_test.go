package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/internal/replay/series"
)

const killRules = `
rules:
- seriesQuery: 'http_requests_total{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[5s])) by (<<.GroupBy>>)
- seriesQuery: 'front_requests{namespace!="",service!=""}'
  resources: {overrides: {namespace: {resource: namespace}, service: {resource: service}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
externalRules:
- seriesQuery: 'queue_depth{queue!=""}'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
`

const killObjects = `
apiVersion: evenkeel.dev/v1alpha1
kind: ScalingWindow
metadata: {namespace: sigkill, name: pods}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}
  metric: {type: Pods, name: http_requests_per_second}
  target: {averageValue: "10"}
  slowScaleDown: {hold: 10s, halfLife: 20s}
---
apiVersion: evenkeel.dev/v1alpha1
kind: ScalingWindow
metadata: {namespace: sigkill, name: object}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}
  metric: {type: Object, name: front_requests, describedObject: {apiVersion: v1, kind: Service, name: front}}
  target: {averageValue: "10"}
  maxWindow: 20s
  percentile: {value: 90, window: 1m}
---
apiVersion: evenkeel.dev/v1alpha1
kind: ScalingWindow
metadata: {namespace: sigkill, name: external}
spec:
  autoscaler: web
  metric: {type: External, name: queue_depth, selector: {matchLabels: {queue: mail}}}
  target: {averageValue: "10"}
  slowScaleDown: {hold: 5s, pods: 1, period: 10s}
`

// kills is how often the adapter is killed, victims how many there are of it at once.
const kills, victims = 100, 4

// TestKilledAdapterServesTheSame kills the adapter's process at random moments, from its start on. Whatever a process
// serves, one that was never disturbed serves at the same tick.
func TestKilledAdapterServesTheSame(t *testing.T) {
	newCRDs(t)
	newNamespace(t, killedNamespace)
	newNodes(t, killedNamespace, "sigkill-node")
	s := newKilling(t)
	begun := time.Now()
	steady := s.launch(t)
	eventually(t, "the undisturbed process to serve all", func(ctx context.Context) (bool, error) {
		return len(s.figures(ctx, steady)) == len(killedPaths), nil
	})
	longestLife := 4 * time.Since(begun) // several of them start at once
	watching, stop := context.WithCancel(t.Context())
	undisturbed := observations{}
	var watch, group sync.WaitGroup
	watch.Go(func() { s.watch(watching, t, steady, undisturbed) })
	var started, served atomic.Int32
	seen := make([]observations, victims)
	begun = time.Now()
	for i := range seen {
		seen[i] = observations{}
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 100))
			for started.Add(1) <= kills {
				if s.live(t, seen[i], time.Duration(random.Int64N(int64(longestLife)))) {
					served.Add(1)
				}
			}
		})
	}
	group.Wait()
	stop()
	watch.Wait()
	same, held := 0, 0
	for _, o := range seen {
		for of, got := range o {
			want, ok := undisturbed[of]
			if ok && got != want {
				t.Errorf("%s at %d: after a kill it serves %+v, undisturbed %+v", of.window, of.tick, got, want)
			}
			if ok {
				same++
			}
			if ok && want.served > want.demand {
				held++
			}
		}
	}
	t.Logf("%d killed within %s of their start in %s, %d of them while they served; %d figures of %d ticks compared, %d of them held by a window",
		kills, longestLife, time.Since(begun), served.Load(), same, len(undisturbed)/len(killedPaths), held)
	if served.Load() < kills/4 || same < kills/2 || held < same/2 {
		t.Error("too few were killed while they served: the test compares next to nothing")
	}
}

const killedNamespace = "sigkill"

// killedPaths are where each window is read.
var killedPaths = map[string]string{
	"pods":     "/apis/custom.metrics.k8s.io/v1beta2/namespaces/sigkill/pods/*/http_requests_per_second",
	"object":   "/apis/custom.metrics.k8s.io/v1beta2/namespaces/sigkill/services/front/front_requests",
	"external": "/apis/external.metrics.k8s.io/v1beta1/namespaces/sigkill/queue_depth?labelSelector=queue%3Dmail",
}

// killing is what the processes have in common.
type killing struct {
	client *http.Client
	args   []string
}

// observations are what windows said of ticks.
type observations map[observed]figure

type observed struct {
	window string
	tick   int64
}

type figure struct{ demand, served float64 }

func newKilling(t *testing.T) *killing {
	t.Helper()
	s := &killing{}
	plane := cluster(t)
	client := kubernetes.NewForConfigOrDie(plane.RESTConfig())
	for _, name := range []string{"web-0", "web-1"} {
		pod := newPod(killedNamespace, name, "", killedNamespace, "1m")
		pod.Spec.NodeName, pod.Spec.NodeSelector = "sigkill-node", nil
		createPod(t, pod)
	}
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: killedNamespace, Name: "web"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web"},
			MaxReplicas:    50,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: "queue_depth", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"queue": "mail"}}},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse("10"))},
			}}},
		},
	}
	if _, err := client.AutoscalingV2().HorizontalPodAutoscalers(killedNamespace).Create(t.Context(), hpa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for text := range strings.SplitSeq(killObjects, "---") {
		apply(t, objectOf(t, text))
	}
	var err error
	eventually(t, "the pods to run", func(ctx context.Context) (bool, error) {
		pods, err := client.CoreV1().Pods(killedNamespace).List(ctx, metav1.ListOptions{FieldSelector: "status.phase=" + string(v1.PodRunning)})
		return err == nil && len(pods.Items) == 2, err
	})
	own := plane.RESTConfig()
	own.Insecure, own.CAData, own.CAFile = true, nil, "" // each process signs for itself
	if s.client, err = rest.HTTPClientFor(own); err != nil {
		t.Fatal(err)
	}
	config := writeFile(t, "config.yaml", fmt.Sprintf(`
apiVersion: adapter.evenkeel.dev/v1alpha1
kind: AdapterConfiguration
prometheus: {address: %q}
rulesFile: %q
step: 2s
delay: 200ms
freshFor: 8s
staleAfter: 20s
`, recorded(t), writeFile(t, "rules.yaml", killRules)))
	s.args = []string{"--kubeconfig", writeKubeconfig(t, plane.RESTConfig()), "--cert-dir", t.TempDir(), "--config", config}
	return s
}

// recorded is a Prometheus that has had all of the past and of the minutes to come recorded, in each second one sample
// of each series: a query about a tick has one answer, whenever it is asked.
func recorded(t *testing.T) (url string) {
	t.Helper()
	db, err := series.Open(series.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	known := []map[string]string{
		{"__name__": "http_requests_total", "namespace": killedNamespace, "pod": "web-0"},
		{"__name__": "http_requests_total", "namespace": killedNamespace, "pod": "web-1"},
		{"__name__": "front_requests", "namespace": killedNamespace, "service": "front"},
		{"__name__": "queue_depth", "queue": "mail"},
	}
	random, totals := rand.New(rand.NewPCG(1, 9)), [2]float64{}
	now := time.Now().Truncate(time.Second)
	for at := now.Add(-80 * time.Minute); at.Before(now.Add(4 * time.Minute)); at = at.Add(time.Second) {
		// Spikes, and quiet in between.
		demand := func() float64 { return math.Round(math.Exp(random.NormFloat64()) * 20) }
		totals[0] += demand()
		totals[1] += demand()
		var samples []series.Sample
		for i, v := range []float64{totals[0], totals[1], demand(), demand()} {
			samples = append(samples, series.Sample{Labels: labels.FromMap(known[i]), Value: v})
		}
		if err := db.Append(t.Context(), at, samples); err != nil {
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/", db.Handler(nil, time.Now))
	mux.HandleFunc("/api/v1/series", func(w http.ResponseWriter, r *http.Request) {
		var found []map[string]string
		for _, one := range known {
			if strings.HasPrefix(r.FormValue("match[]"), one["__name__"]) {
				found = append(found, one)
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": found})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// instance is one process.
type instance struct {
	*process
	url string
}

func (s *killing) launch(t *testing.T) *instance {
	port := freePort(t)
	return &instance{startProcess(t, selfCommand(t, asAdapter, append([]string{"--secure-port", port}, s.args...)...)), "https://127.0.0.1:" + port}
}

// live starts a process, looks at what it serves, and kills it after a while; true: it served something.
func (s *killing) live(t *testing.T, seen observations, life time.Duration) bool {
	victim := s.launch(t)
	defer victim.signal(t, syscall.SIGKILL)
	ctx, cancel := context.WithTimeout(t.Context(), life)
	defer cancel()
	return s.watch(ctx, t, victim, seen)
}

// watch looks at the windows of a process and at what is read of them, until the context ends; true: there was something.
func (s *killing) watch(ctx context.Context, t *testing.T, of *instance, seen observations) (any bool) {
	for {
		for at, f := range s.figures(ctx, of) {
			seen[at], any = f, true
			if got, ok := s.read(ctx, of, killedPaths[at.window]); ok && got < f.served && s.figures(ctx, of)[at] == f {
				t.Errorf("%s at %d: %v is read, and the window serves %v", at.window, at.tick, got, f.served)
			}
		}
		select {
		case <-ctx.Done():
			return any
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// figures are what the windows of a process say of their newest tick; none while it does not know.
func (s *killing) figures(ctx context.Context, of *instance) observations {
	body, ok := s.get(ctx, of, "/metrics")
	if !ok {
		return nil
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return nil // it was killed meanwhile
	}
	values := func(name string) map[string]float64 {
		all := map[string]float64{}
		for _, metric := range families["evenkeel_adapter_window_"+name].GetMetric() {
			for _, label := range metric.Label {
				if label.GetName() == "scaling_window" {
					all[label.GetValue()] = metric.GetGauge().GetValue()
				}
			}
		}
		return all
	}
	demand, served := values("demand"), values("served")
	said := observations{}
	for window, at := range values("timestamp_seconds") {
		if _, ok := killedPaths[window]; ok {
			said[observed{window, int64(at)}] = figure{demand[window], served[window]}
		}
	}
	return said
}

// read is the sum of what a process answers.
func (s *killing) read(ctx context.Context, of *instance, path string) (sum float64, ok bool) {
	body, ok := s.get(ctx, of, path)
	if !ok {
		return 0, false
	}
	defer body.Close()
	var list struct {
		Items []struct{ Value resource.Quantity }
	}
	if json.NewDecoder(body).Decode(&list) != nil {
		return 0, false // it was killed meanwhile
	}
	milli := int64(0)
	for _, item := range list.Items {
		milli += item.Value.MilliValue()
	}
	return float64(milli) / 1000, true
}

// get returns the body of an answer, where there is one.
func (s *killing) get(ctx context.Context, of *instance, path string) (io.ReadCloser, bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, of.url+path, nil)
	if err != nil {
		return nil, false
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, false // it does not listen yet, or any more
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, false
	}
	return response.Body, true
}
