package replay

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/api"
	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
	"github.com/evenkeel/evenkeel/internal/replay/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func apiNode(name, cpus, allocatable string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"zone": "z-" + name}},
		Status: corev1.NodeStatus{
			Capacity:    corev1.ResourceList{"cpu": resource.MustParse(cpus), "memory": resource.MustParse("8Gi")},
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse(allocatable), "memory": resource.MustParse("7Gi")},
		},
	}
}

func apiPod(name, node string, phase corev1.PodPhase) *corev1.Pod {
	request := corev1.ResourceList{"memory": resource.MustParse("1Gi")}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{
			{Name: "main", Resources: corev1.ResourceRequirements{Requests: request}},
			{Name: "sidecar", Resources: corev1.ResourceRequirements{Requests: request}},
		}},
		Status: corev1.PodStatus{Phase: phase},
	}
}

// always gives every pod the same curve.
func always(curve Curve) func(*corev1.Pod) (Curve, bool) {
	return func(*corev1.Pod) (Curve, bool) { return curve, true }
}

// stage is a replay on a fake clock.
type stage struct {
	*Replayer
	t      *testing.T
	client *fake.Clientset
	clock  *clocktesting.FakeClock
	steps  chan observed
	api    promapi.API
}

type observed struct {
	at    time.Time
	trace time.Duration
	nodes []NodeDemand
}

func newStage(t *testing.T, options Options, objects ...runtime.Object) *stage {
	t.Helper()
	s := &stage{
		t: t, client: fake.NewClientset(objects...), clock: clocktesting.NewFakeClock(start()),
		steps: make(chan observed, 1),
	}
	options.Client, options.Clock = s.client, s.clock
	if options.Step == 0 {
		options.Step = time.Second
	}
	r, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Replayer = r
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	r.Observe(func(at time.Time, trace time.Duration, nodes []NodeDemand) { s.steps <- observed{at, trace, nodes} })
	return s
}

// start starts the replay and returns what it observed first.
func (s *stage) start() observed {
	s.t.Helper()
	if err := s.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	client, err := api.NewClient(api.Config{Address: s.PrometheusURL()})
	if err != nil {
		s.t.Fatal(err)
	}
	if idler, ok := client.(api.CloseIdler); ok {
		s.t.Cleanup(idler.CloseIdleConnections)
	}
	s.api = promapi.NewAPI(client)
	return <-s.steps
}

// tick lets one step pass.
func (s *stage) tick() observed {
	s.clock.Step(s.options.Step)
	return <-s.steps
}

// tickUntil ticks until the cluster looks as it should.
func (s *stage) tickUntil(done func(observed) bool) observed {
	s.t.Helper()
	for range 100_000 {
		if o := s.tick(); done(o) {
			return o
		}
	}
	s.t.Fatal("the cluster never looked as it should")
	return observed{}
}

// query returns the values of a PromQL expression by a label.
func (s *stage) query(expression string, by model.LabelName) map[string]float64 {
	s.t.Helper()
	answer, _, err := s.api.Query(s.t.Context(), expression, s.clock.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	values := map[string]float64{}
	vector, ok := answer.(model.Vector)
	if !ok {
		s.t.Fatalf("%s is a %T, not a vector", expression, answer)
	}
	for _, sample := range vector {
		values[string(sample.Metric[by])] = float64(sample.Value)
	}
	return values
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9*max(1, math.Abs(want)) }

// TestRateGivesTheMeanBack is the point of it all: what a Prometheus reader
// sees is the mean of the real curve.
func TestRateGivesTheMeanBack(t *testing.T) {
	trace, err := bitbrains.Load()
	if err != nil {
		t.Fatal(err)
	}
	const speed, seconds = 60, 90
	curves := map[string]bitbrains.Curve{}
	objects := []runtime.Object{apiNode("n", "16", "15")}
	for i := range 5 {
		name := fmt.Sprint("p", i)
		curves[name] = bitbrains.Curve{VM: &trace.VMs[13+i], Offset: time.Duration(i) * 50 * time.Hour, Share: 0.3}
		objects = append(objects, apiPod(name, "n", corev1.PodRunning))
	}
	s := newStage(t, Options{
		Speed:  speed,
		Assign: func(pod *corev1.Pod) (Curve, bool) { c, ok := curves[pod.Name]; return c, ok },
	}, objects...)
	s.start()
	for range seconds {
		s.tick()
	}
	// rate sees 60 samples, so 59 s, and extrapolates them to the minute; that is
	// exact unless a counter is so near to zero that it assumes a later start.
	from, to := time.Duration(seconds-59)*speed*time.Second, seconds*speed*time.Second
	got := s.query(`rate(container_cpu_usage_seconds_total{namespace="shop",container!="",node="n"}[1m])`, "pod")
	total := 0.0
	for name, curve := range curves {
		want := curve.Mean(from, to)
		total += want
		if !near(got[name], want) {
			t.Errorf("rate of pod %s is %v, want the curve's mean %v", name, got[name], want)
		}
	}
	node := s.query(`sum by (node) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))`, "node")
	if !near(node["n"], total) {
		t.Errorf("rate of the node is %v, want the pods' sum %v", node["n"], total)
	}
	share := s.query(`1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[1m]))`, "node")
	if !near(share["n"], total/16) {
		t.Errorf("the node is busy to %v, want %v", share["n"], total/16)
	}
}

func TestDemandAboveAllocatable(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(3))},
		apiNode("a", "8", "4"), apiNode("b", "8", "4"),
		apiPod("x", "a", corev1.PodRunning), apiPod("y", "a", corev1.PodRunning), apiPod("z", "b", corev1.PodRunning))
	first := s.start()
	if first.trace != 0 || !first.at.Equal(start()) {
		t.Errorf("the first step is at %v, trace time %v", first.at, first.trace)
	}
	want := []NodeDemand{
		{Name: "a", DemandCores: 6, UsedCores: 4, AllocatableCores: 4, Pods: 2},
		{Name: "b", DemandCores: 3, UsedCores: 3, AllocatableCores: 4, Pods: 1},
	}
	var last observed
	for range 30 {
		last = s.tick()
	}
	if diff := cmp.Diff(want, last.nodes); diff != "" {
		t.Errorf("demand (-want +got):\n%s", diff)
	}
	got := s.query(`rate(container_cpu_usage_seconds_total[20s])`, "pod")
	for pod, want := range map[string]float64{"x": 2, "y": 2, "z": 3} {
		if !near(got[pod], want) {
			t.Errorf("pod %s is seen to use %v cores, want %v", pod, got[pod], want)
		}
	}
}

func TestWhoPlays(t *testing.T) {
	asked := map[string]*atomic.Int64{"running": {}, "pending": {}, "unbound": {}, "done": {}, "stranger": {}, "idle": {}}
	s := newStage(t, Options{Assign: func(pod *corev1.Pod) (Curve, bool) {
		asked[pod.Name].Add(1)
		return Constant(1), pod.Name != "idle"
	}},
		apiNode("n", "8", "8"),
		apiPod("running", "n", corev1.PodRunning), apiPod("pending", "n", corev1.PodPending),
		apiPod("unbound", "", corev1.PodPending), apiPod("done", "n", corev1.PodSucceeded),
		apiPod("stranger", "gone", corev1.PodRunning), apiPod("idle", "n", corev1.PodRunning))
	s.start()
	for range 5 {
		s.tick()
	}
	if got := s.query("container_cpu_usage_seconds_total", "pod"); len(got) != 1 || got["running"] != 5 {
		t.Errorf("seconds by pod: %v, want 5 for the running one alone", got)
	}
	if got := s.query("container_memory_working_set_bytes", "pod"); len(got) != 1 || got["running"] != 2<<30 {
		t.Errorf("bytes by pod: %v, want what the running one requests", got)
	}
	for pod, want := range map[string]int64{"running": 1, "idle": 1, "pending": 0, "unbound": 0, "done": 0, "stranger": 0} {
		if got := asked[pod].Load(); got != want {
			t.Errorf("Assign was asked %d times about pod %s, want %d", got, pod, want)
		}
	}
}

func TestADeletedPodsSeriesEnd(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(1))},
		apiNode("n", "8", "8"), apiPod("stays", "n", corev1.PodRunning), apiPod("goes", "n", corev1.PodRunning))
	s.start()
	for range 10 {
		s.tick()
	}
	if err := s.client.CoreV1().Pods("shop").Delete(t.Context(), "goes", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.tickUntil(func(o observed) bool { return o.nodes[0].Pods == 1 })
	if got := s.query("container_cpu_usage_seconds_total", "pod"); len(got) != 1 || got["stays"] == 0 {
		t.Errorf("seconds by pod: %v, want none of the deleted one", got)
	}
	if got := s.query("count_over_time(container_cpu_usage_seconds_total[1d])", "pod"); got["goes"] < 11 {
		t.Errorf("samples by pod: %v, want the past of the deleted one kept", got)
	}
}

func TestAPodThatComesLater(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(2))}, apiNode("n", "8", "8"))
	if first := s.start(); first.nodes[0].Pods != 0 {
		t.Fatalf("pods on an empty node: %+v", first.nodes)
	}
	late := apiPod("late", "n", corev1.PodRunning)
	if _, err := s.client.CoreV1().Pods("shop").Create(t.Context(), late, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	came := s.tickUntil(func(o observed) bool { return o.nodes[0].Pods == 1 })
	if came.nodes[0].DemandCores != 0 {
		t.Errorf("demand is %v cores before the pod played", came.nodes[0].DemandCores)
	}
	if next := s.tick(); next.nodes[0].DemandCores != 2 {
		t.Errorf("demand is %v cores a step later, want 2", next.nodes[0].DemandCores)
	}
}

func TestInject(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(1))}, apiNode("n", "8", "8"))
	received := labels.FromStrings("__name__", "node_network_receive_bytes_total", "node", "n", "device", "eth0")
	s.Inject(func(at time.Time, trace time.Duration) []series.Sample {
		if want := at.Sub(start()); trace != want {
			t.Errorf("at %v the trace is said to be at %v", want, trace)
		}
		if at.Sub(start()) > 20*time.Second {
			return nil
		}
		return []series.Sample{{Labels: received, Value: 1000 * at.Sub(start()).Seconds()}}
	})
	s.start()
	for range 20 {
		s.tick()
	}
	if got := s.query("rate(node_network_receive_bytes_total[10s])", "node"); !near(got["n"], 1000) {
		t.Errorf("rate of an injected counter is %v, want 1000", got)
	}
	if body := scrape(t, s.PrometheusURL()); !strings.Contains(body, `node_network_receive_bytes_total{`) {
		t.Error("the injected series is not at /metrics")
	}
	s.tick()
	if got := s.query("node_network_receive_bytes_total", "node"); len(got) != 0 {
		t.Errorf("after its end the injected series is %v", got)
	}
}

func TestMetricsEndpoint(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(1))}, apiNode("n", "2", "2"), apiPod("a", "n", corev1.PodRunning))
	s.start()
	s.tick()
	body := scrape(t, s.PrometheusURL())
	ms := start().Add(time.Second).UnixMilli()
	for _, line := range []string{
		"# TYPE container_cpu_usage_seconds_total counter",
		fmt.Sprintf(`container_cpu_usage_seconds_total{container="main",namespace="shop",node="n",pod="a"} 1 %d`, ms),
		"# TYPE node_memory_MemAvailable_bytes gauge",
		fmt.Sprintf(`node_memory_MemAvailable_bytes{node="n"} %g %d`, float64(6<<30), ms),
		fmt.Sprintf(`node_cpu_seconds_total{cpu="1",mode="user",node="n"} 0.5 %d`, ms),
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %q in:\n%s", line, body)
		}
	}
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return string(body)
}

func TestTheClockGoesBack(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(1))}, apiNode("n", "8", "8"), apiPod("a", "n", corev1.PodRunning))
	s.start()
	s.tick()
	ctx := t.Context()
	for _, at := range []time.Time{start(), start().Add(time.Second), start().Add(time.Second + time.Microsecond)} {
		if err := s.step(ctx, at); err != nil {
			t.Errorf("step at %v: %v", at, err)
		}
	}
	select {
	case o := <-s.steps:
		t.Errorf("a step to %v was made", o.at)
	default:
	}
	s.tick()
	if got := s.query("container_cpu_usage_seconds_total", "pod"); got["a"] != 2 {
		t.Errorf("seconds: %v, want 2", got)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	good := Options{Client: fake.NewClientset(), Assign: always(Constant(1))}
	tests := map[string]struct {
		change func(*Options)
		want   string
	}{
		"no client":              {func(o *Options) { o.Client = nil }, "Client"},
		"no assignment":          {func(o *Options) { o.Assign = nil }, "Assign"},
		"negative speed":         {func(o *Options) { o.Speed = -1 }, "Speed"},
		"speed is not a number":  {func(o *Options) { o.Speed = math.NaN() }, "Speed"},
		"breakneck speed":        {func(o *Options) { o.Speed = math.Inf(1) }, "Speed"},
		"negative step":          {func(o *Options) { o.Step = -1 }, "Step"},
		"step below resolution":  {func(o *Options) { o.Step = time.Microsecond }, "Step"},
		"negative backfill step": {func(o *Options) { o.BackfillStep = -1 }, "BackfillStep"},
		"window below the step":  {func(o *Options) { o.Step, o.Window = time.Second, time.Millisecond }, "Window"},
		"unusable directory":     {func(o *Options) { o.Dir = "/dev/null/x" }, "/dev/null/x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := good
			test.change(&options)
			r, err := New(options)
			if err == nil {
				_ = r.Stop()
				t.Fatal("New took it")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not name %s", err, test.want)
			}
		})
	}
}

func TestStartErrors(t *testing.T) {
	t.Run("port taken", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = taken.Close() }()
		address := taken.Addr().String()
		s := newStage(t, Options{Assign: always(Constant(1)), Listen: address})
		if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), address) {
			t.Errorf("error is %v, want one that names %s", err, address)
		}
	})
	t.Run("context over", func(t *testing.T) {
		s := newStage(t, Options{Assign: always(Constant(1))})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Start(ctx); err == nil {
			t.Error("Start succeeded without a context to run in")
		}
	})
}

func TestStop(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(1))}, apiNode("n", "8", "8"))
	if url := s.PrometheusURL(); url != "" {
		t.Errorf("URL before Start is %q", url)
	}
	s.start()
	url := s.PrometheusURL()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if response, err := http.Get(url + "/-/ready"); err == nil {
		_ = response.Body.Close()
		t.Error("the API answers after Stop")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}
