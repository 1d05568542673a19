package adapter

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/test/bench"
)

const area = "adapter"

// peerVariable names the environment variable with the path of prometheus-adapter's program (make bin/peers-adapter).
const peerVariable = "BENCH_PROMETHEUS_ADAPTER"

const peer = "prometheus-adapter 0.12.0"

// workload is HPAs with a Pods metric: one for each app of a namespace and each metric.
type workload struct {
	namespaces, apps, pods, metrics int
}

func (w workload) hpas() int { return w.namespaces * w.apps * w.metrics }

func (w workload) each(yield func(namespace, pod string)) {
	for n := range w.namespaces {
		for a := range w.apps {
			for p := range w.pods {
				yield(fmt.Sprintf("n%d", n), fmt.Sprintf("a%d-%d", a, p))
			}
		}
	}
}

// path is what the HPA controller asks for.
func (w workload) path(i int) string {
	i %= w.hpas()
	metric, rest := i%w.metrics, i/w.metrics
	return fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/n%d/pods/*/app_%d?labelSelector=app%%3Da%d", rest%w.namespaces, metric, rest/w.namespaces)
}

const rulesText = `
rules:
- seriesQuery: '{__name__=~"^app_.*",namespace!="",pod!=""}'
  name: {matches: "^(.*)_total$"}
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)
`

var (
	full  = workload{namespaces: 10, apps: 25, pods: 2, metrics: 40}
	small = workload{namespaces: 5, apps: 10, pods: 2, metrics: 20}
)

// period is how often an HPA reads.
const period = 15 * time.Second

// BenchmarkReads has as many readers as a controller has workers, and reads all HPAs' metrics once to begin with. Ours is
// then read at the pace of one period, and after it both as fast as they answer for one.
func BenchmarkReads(b *testing.B) {
	w := full
	if testing.Short() {
		w = small
	}
	for range b.N {
		measureReads(b, w)
	}
}

func measureReads(b *testing.B, w workload) {
	b.Helper()
	prometheus := newPrometheus(b, w)
	plane := newPlane(b, w)
	dir := b.TempDir()
	config := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(config, []byte(rulesText), 0o600); err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	link := filepath.Join(dir, asAdapter)
	if err := os.Symlink(self, link); err != nil {
		b.Fatal(err)
	}
	ours := startServer(b, plane, link, config, prometheus.URL)
	ours.drive(b, w, 16, w.hpas(), 0) // the first reads wait for Prometheus
	lists, queries := podLists(b, plane), prometheus.queries.Load()
	paced := ours.drive(b, w, 5, w.hpas(), period)
	report := func(name string, value float64, unit string) bench.Result {
		return bench.Result{Area: area, Name: name, Value: value, Unit: unit}
	}
	bench.Report(b, report("read_p99_ms", paced.p99ms, "ms"))
	bench.Report(b, report("queries_per_tick", float64(prometheus.queries.Load()-queries)/paced.took.Seconds()*period.Seconds(), "queries"))
	bench.Report(b, report("api_lists", podLists(b, plane)-lists, "lists"))
	bench.Report(b, report("resident_mb", ours.residentMB(b), "MB"))
	fast := ours.drive(b, w, 16, 0, period)
	ours.stop()
	result := report("reads_per_second", fast.perSecond(), "reads/s")
	program := os.Getenv(peerVariable)
	if program == "" {
		fmt.Fprintf(os.Stderr, "without %s there is no comparison: set %s to its program\n", peer, peerVariable)
		bench.Report(b, result)
		return
	}
	lists, queries = podLists(b, plane), prometheus.queries.Load()
	theirs := startServer(b, plane, program, config, prometheus.URL, "--metrics-relist-interval=1m")
	slow := theirs.drive(b, w, 16, 0, period)
	fmt.Fprintf(os.Stderr, "%s: %.1f reads/s, p99 %.1f ms, %.0f lists, %d queries, %.0f MB\n", peer,
		slow.perSecond(), slow.p99ms, podLists(b, plane)-lists, prometheus.queries.Load()-queries, theirs.residentMB(b))
	theirs.stop()
	bench.Report(b, result.Against(peer, fast.perSecond()/slow.perSecond()))
	tuned := startServer(b, plane, program, config, prometheus.URL, "--metrics-relist-interval=1m", "--client-qps=10000", "--client-burst=10000")
	quick := tuned.drive(b, w, 16, 0, period)
	tuned.stop()
	result.Name = "reads_per_second_unthrottled"
	bench.Report(b, result.Against(peer+" --client-qps=10000", fast.perSecond()/quick.perSecond()))
}

// newPlane is a control plane with the workload's pods.
func newPlane(b *testing.B, w workload) *controlplane.ControlPlane {
	b.Helper()
	plane, err := controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			b.Error(err)
		}
	})
	if err := plane.StartNodes(context.Background(), controlplane.NodeOptions{}); err != nil {
		b.Fatal(err)
	}
	client := clientFor(b, plane)
	if _, err := client.CoreV1().Nodes().Create(b.Context(), controlplane.NewNode("n", nil, v1.ResourceList{v1.ResourcePods: *quantity(10_000)}), metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
	for n := range w.namespaces {
		ns := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", n)}}
		if _, err := client.CoreV1().Namespaces().Create(b.Context(), ns, metav1.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
		account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "app"}}
		if _, err := client.CoreV1().ServiceAccounts(ns.Name).Create(b.Context(), account, metav1.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	w.each(func(namespace, name string) {
		app, _, _ := strings.Cut(name, "-")
		pod := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": app}},
			Spec:       v1.PodSpec{NodeName: "n", ServiceAccountName: "app", Containers: []v1.Container{{Name: "app", Image: "app"}}},
		}
		if _, err := client.CoreV1().Pods(namespace).Create(b.Context(), pod, metav1.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	})
	return plane
}

func clientFor(b *testing.B, plane *controlplane.ControlPlane) *kubernetes.Clientset {
	b.Helper()
	config := plane.RESTConfig()
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

var listed = regexp.MustCompile(`(?m)^apiserver_request_total\{.*resource="pods",.*verb="LIST".*\} (\S+)$`)

// podLists is how many times the API server listed pods.
func podLists(b *testing.B, plane *controlplane.ControlPlane) float64 {
	b.Helper()
	text, err := clientFor(b, plane).Discovery().RESTClient().Get().AbsPath("/metrics").Do(b.Context()).Raw()
	if err != nil {
		b.Fatal(err)
	}
	sum := 0.0
	for _, match := range listed.FindAllStringSubmatch(string(text), -1) {
		count, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += count
	}
	return sum
}

// metricsServer is a process that serves custom metrics.
type metricsServer struct {
	command *exec.Cmd
	client  *http.Client
	url     string
	stop    func()
}

func startServer(b *testing.B, plane *controlplane.ControlPlane, program, config, prometheus string, more ...string) *metricsServer {
	b.Helper()
	port := freePort(b)
	kubeconfig := plane.Kubeconfig()
	s := &metricsServer{url: fmt.Sprintf("https://127.0.0.1:%d", port)}
	s.command = exec.Command(program, append([]string{
		"--lister-kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + b.TempDir(), "--config=" + config, "--prometheus-url=" + prometheus,
	}, more...)...)
	s.command.Stderr = os.Stderr
	if err := s.command.Start(); err != nil {
		b.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		_ = s.command.Process.Kill()
		_ = s.command.Wait() // killed: that is its error
	})
	b.Cleanup(s.stop)
	admin := plane.RESTConfig()
	reader := &rest.Config{Host: s.url, QPS: -1, TLSClientConfig: rest.TLSClientConfig{
		Insecure: true, CertData: admin.CertData, KeyData: admin.KeyData, CertFile: admin.CertFile, KeyFile: admin.KeyFile,
	}}
	client, err := rest.HTTPClientFor(reader)
	if err != nil {
		b.Fatal(err)
	}
	s.client = client
	s.await(b)
	return s
}

// await returns once the server knows a metric.
func (s *metricsServer) await(b *testing.B) {
	b.Helper()
	var last error
	for range 600 {
		if _, last = s.read(full.path(0)); last == nil {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	b.Fatalf("the server does not serve: %v", last)
}

// read returns how long it took.
func (s *metricsServer) read(path string) (time.Duration, error) {
	begun := time.Now()
	response, err := s.client.Get(s.url + path)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := readAll(response)
	switch {
	case err != nil:
		return 0, err
	case response.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("%s: %s", response.Status, body)
	case strings.Count(body, `"value"`) == 0:
		return 0, fmt.Errorf("an empty answer: %s", body)
	}
	return time.Since(begun), nil
}

// outcome is what reading came to.
type outcome struct {
	reads int
	took  time.Duration
	p99ms float64
}

func (o outcome) perSecond() float64 { return float64(o.reads) / o.took.Seconds() }

// drive reads so many times, spread over a time; 0 times is as often as it can in that time, 0 time as fast as it can.
func (s *metricsServer) drive(b *testing.B, w workload, readers, times int, over time.Duration) outcome {
	b.Helper()
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	begun := time.Now()
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				switch {
				case times > 0 && i >= times, times == 0 && time.Since(begun) > over:
					return
				case times > 0 && over > 0:
					<-time.After(time.Until(begun.Add(over * time.Duration(i) / time.Duration(times))))
				}
				one, err := s.read(w.path(i))
				if err != nil {
					b.Errorf("reading %s: %v", w.path(i), err)
					return
				}
				mu.Lock()
				took = append(took, one)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	o := outcome{reads: len(took), took: time.Since(begun)}
	if slices.Sort(took); len(took) > 0 {
		o.p99ms = float64(took[len(took)*99/100].Microseconds()) / 1000
	}
	return o
}

var resident = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// residentMB is the most memory that the process ever had resident.
func (s *metricsServer) residentMB(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	match := resident.FindSubmatch(text)
	if match == nil {
		b.Fatal("the system does not tell how much memory a process has")
	}
	kb, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
