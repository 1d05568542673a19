package integration

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/internal/controlplane"
)

const adapterRules = `
rules:
- seriesQuery: 'http_requests_in_flight{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  name: {as: requests}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: 'front_requests{namespace!="",service!=""}'
  resources: {overrides: {namespace: {resource: namespace}, service: {resource: service}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: 'broken['
  metricsQuery: sum(
externalRules:
- seriesQuery: 'queue_depth{queue!=""}'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
`

const adapterNamespace = "adapter"

// TestAdapter has the real HPA controller scale Deployments by metrics that a Prometheus server scraped.
func TestAdapter(t *testing.T) {
	s := newAdapterStage(t)
	pods := s.deploy(t, "web", 2)
	for _, pod := range pods {
		s.requests.WithLabelValues(adapterNamespace, pod, "get").Set(30)
		s.requests.WithLabelValues(adapterNamespace, pod, "put").Set(5)
	}
	s.front.WithLabelValues(adapterNamespace, "front").Set(90)
	s.queue.WithLabelValues("mail").Set(40)
	s.queue.WithLabelValues("bulk").Set(4000)
	s.waitFor(t, "custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests")
	t.Run("versions", s.testVersions)
	t.Run("selectors", s.testSelectors)
	t.Run("window", s.testWindow)
	s.followWindow(t)
	t.Run("autoscalers", s.testAutoscalers)
	t.Run("explain", s.testExplain)
	t.Run("apply", s.testApply)
	t.Run("reload", s.testReload)
	t.Run("silence", s.testSilence)
}

// testVersions reads the same values by both versions of the custom API and by the external one.
func (s *adapterStage) testVersions(t *testing.T) {
	for path, want := range map[string][]string{
		"custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests":               {"35", "35"},
		"custom.metrics.k8s.io/v1beta1/namespaces/adapter/pods/*/requests":               {"35", "35"},
		"custom.metrics.k8s.io/v1beta2/namespaces/adapter/services/front/front_requests": {"90"},
		"custom.metrics.k8s.io/v1beta1/namespaces/adapter/services/front/front_requests": {"90"},
		"external.metrics.k8s.io/v1beta1/namespaces/adapter/queue_depth":                 {"4040"},
	} {
		if got := s.values(t, path); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for path, code := range map[string]int{
		"custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/nothing":                 http.StatusNotFound,
		"custom.metrics.k8s.io/v1beta2/namespaces/adapter/services/nobody/front_requests": http.StatusNotFound,
		"external.metrics.k8s.io/v1beta1/namespaces/adapter/nothing":                      http.StatusNotFound,
	} {
		if got := s.status(t, path); got != code {
			t.Errorf("%s answers %d, want %d", path, got, code)
		}
	}
}

func (s *adapterStage) testSelectors(t *testing.T) {
	for path, want := range map[string][]string{
		"custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests?metricLabelSelector=verb%3Dput":         {"5", "5"},
		"custom.metrics.k8s.io/v1beta1/namespaces/adapter/pods/*/requests?metricLabelSelector=verb%3Dput":         {"5", "5"},
		"custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests?labelSelector=app%3Dweb":                {"35", "35"},
		"external.metrics.k8s.io/v1beta1/namespaces/adapter/queue_depth?labelSelector=queue%3Dmail":               {"40"},
		"external.metrics.k8s.io/v1beta1/namespaces/adapter/queue_depth?labelSelector=queue+in+%28mail%2Cbulk%29": {"4040"},
		"external.metrics.k8s.io/v1beta1/namespaces/adapter/queue_depth?labelSelector=queue%21%3Dbulk":            {"40"},
	} {
		if got := s.values(t, path); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if got := s.status(t, "custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests?labelSelector=app%3Dnobody"); got != http.StatusNotFound {
		t.Errorf("pods that are not there answer %d", got)
	}
}

// testWindow has demand fall under a ScalingWindow: it is served as it was, to the pods that there are.
func (s *adapterStage) testWindow(t *testing.T) {
	pods := s.deploy(t, "held", 2)
	for _, pod := range pods {
		s.requests.WithLabelValues(adapterNamespace, pod, "get").Set(50)
	}
	apply(t, objectOf(t, `
apiVersion: evenkeel.dev/v1alpha1
kind: ScalingWindow
metadata: {namespace: adapter, name: held}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: held}
  metric: {type: Pods, name: requests}
  target: {averageValue: "40"}
  maxWindow: 10m
`))
	eventually(t, "the window to serve", func(ctx context.Context) (bool, error) {
		w, err := dynamicOf(t).Resource(v1alpha1.GroupVersion.WithResource("scalingwindows")).Namespace(adapterNamespace).Get(ctx, "held", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		demand, _, err := unstructured.NestedString(w.Object, "status", "demand")
		return demand != "", err
	})
	const path = "custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests?labelSelector=app%3Dheld"
	served := func(want string) {
		t.Helper()
		eventually(t, want+" for each pod", func(context.Context) (bool, error) { return slices.Equal(s.values(t, path), []string{want, want}), nil })
	}
	served("50")
	eventually(t, "the window to hold", func(context.Context) (bool, error) {
		for _, pod := range pods {
			s.requests.WithLabelValues(adapterNamespace, pod, "get").Set(80)
		}
		return slices.Equal(s.values(t, path), []string{"80", "80"}), nil
	})
	for _, pod := range pods {
		s.requests.WithLabelValues(adapterNamespace, pod, "get").Set(1)
	}
	fell := time.Now()
	eventually(t, "more than freshFor, in which nothing could fall anyway", func(context.Context) (bool, error) {
		if got := s.values(t, path); !slices.Equal(got, []string{"80", "80"}) {
			return false, fmt.Errorf("after demand fell %v is served, want what the window holds: 80 for each", got)
		}
		return time.Since(fell) > 8*time.Second, nil
	})
}

// testAutoscalers has one HPA for each kind of metric and target.
func (s *adapterStage) testAutoscalers(t *testing.T) {
	quantity := func(text string) *resource.Quantity { return ptr.To(resource.MustParse(text)) }
	value := func(text string) autoscalingv2.MetricTarget {
		return autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity(text)}
	}
	average := func(text string) autoscalingv2.MetricTarget {
		return autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity(text)}
	}
	mail := &metav1.LabelSelector{MatchLabels: map[string]string{"queue": "mail"}}
	put := &metav1.LabelSelector{MatchLabels: map[string]string{"verb": "put"}}
	pods := func(selector *metav1.LabelSelector, target autoscalingv2.MetricTarget) autoscalingv2.MetricSpec {
		return autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: "requests", Selector: selector}, Target: target,
		}}
	}
	object := func(target autoscalingv2.MetricTarget) autoscalingv2.MetricSpec {
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{
			DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: "Service", Name: "front"},
			Metric:          autoscalingv2.MetricIdentifier{Name: "front_requests"}, Target: target,
		}}
	}
	external := func(target autoscalingv2.MetricTarget) autoscalingv2.MetricSpec {
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: "queue_depth", Selector: mail}, Target: target,
		}}
	}
	tests := map[string]struct {
		metric autoscalingv2.MetricSpec
		want   int32
		reason string
		// grows says that an autoscaler takes a Value for what each pod causes: it goes on.
		grows bool
	}{
		"web":              {metric: pods(nil, average("10")), want: 7, reason: "70 requests at 10 a pod"},
		"pods-selected":    {metric: pods(put, average("2")), want: 5, reason: "2 pods of 5 at 2 a pod"},
		"object-average":   {metric: object(average("15")), want: 6, reason: "90 at 15 a pod"},
		"object-value":     {metric: object(value("30")), want: 6, reason: "90 is 3 times 30, and there are 2 pods", grows: true},
		"external-average": {metric: external(average("10")), want: 4, reason: "40 at 10 a pod"},
		"external-value":   {metric: external(value("20")), want: 4, reason: "40 is twice 20, and there are 2 pods", grows: true},
	}
	for name, test := range tests {
		if name != "web" {
			for _, pod := range s.deploy(t, name, 2) {
				s.requests.WithLabelValues(adapterNamespace, pod, "put").Set(5)
			}
		}
		s.autoscale(t, name, test.metric)
	}
	for name, test := range tests {
		eventually(t, fmt.Sprintf("%s to have %d replicas: %s", name, test.want, test.reason), func(ctx context.Context) (bool, error) {
			hpa, err := s.client.AutoscalingV2().HorizontalPodAutoscalers(adapterNamespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			got := hpa.Status.DesiredReplicas
			return got == test.want || test.grows && got > test.want, nil
		})
	}
}

// testReload changes the rules, and breaks them.
func (s *adapterStage) testReload(t *testing.T) {
	write := func(rules string) {
		if err := os.WriteFile(s.rules, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(adapterRules, "{as: requests}", "{as: inflight}", 1))
	s.waitFor(t, "custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/inflight")
	if code := s.status(t, "custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests"); code != http.StatusNotFound {
		t.Errorf("a metric whose rule has gone answers %d", code)
	}
	write("rules: [")
	eventually(t, "the adapter to tell of broken rules", func(context.Context) (bool, error) {
		return strings.Contains(s.process.output.String(), "the last rules go on"), nil
	})
	s.waitFor(t, "custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/inflight")
	write(adapterRules)
	s.waitFor(t, "custom.metrics.k8s.io/v1beta2/namespaces/adapter/pods/*/requests")
}

// testSilence has a queue's series end: the last value is held, and then there is an error, never 0.
func (s *adapterStage) testSilence(t *testing.T) {
	const path = "external.metrics.k8s.io/v1beta1/namespaces/adapter/queue_depth?labelSelector=queue%3Dmail"
	s.waitFor(t, path)
	s.queue.DeleteLabelValues("mail")
	eventually(t, "an error", func(context.Context) (bool, error) {
		switch got := s.values(t, path); {
		case slices.Equal(got, []string{"40"}):
			return false, nil
		case slices.Equal(got, []string{"404"}):
			return true, nil
		default:
			return false, fmt.Errorf("it is %v, after it was 40", got)
		}
	})
}

// adapterStage is a control plane, a Prometheus that scrapes an exporter, and the adapter in a process of its own.
type adapterStage struct {
	client   kubernetes.Interface
	requests *prometheus.GaugeVec // of a pod, by verb
	front    *prometheus.GaugeVec
	queue    *prometheus.GaugeVec
	rules    string
	process  *process
	restart  func() *process
}

func newAdapterStage(t *testing.T) *adapterStage {
	plane := cluster(t)
	newNodes(t, adapterNamespace, "adapter-node")
	newNamespace(t, adapterNamespace)
	apply(t, readObjects(t, filepath.Join(manifests, "base/namespace.yaml"))...) // of the lease
	newCRDs(t)
	gauge := func(name string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: name}, labels)
	}
	s := &adapterStage{
		client:   kubernetes.NewForConfigOrDie(plane.RESTConfig()),
		requests: gauge("http_requests_in_flight", "namespace", "pod", "verb"),
		front:    gauge("front_requests", "namespace", "service"),
		queue:    gauge("queue_depth", "queue"),
		rules:    writeFile(t, "rules.yaml", adapterRules),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.requests, s.front, s.queue)
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(exporter.Close)
	_, address := startPrometheusAt(t, prometheusBinary(t), exporter.URL)
	s.start(t, plane, address)
	return s
}

// start runs the adapter and makes it part of the API.
func (s *adapterStage) start(t *testing.T, plane *controlplane.ControlPlane, prom string) {
	text := freePort(t)
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	apis := [][2]string{{"custom.metrics.k8s.io", "v1beta2"}, {"custom.metrics.k8s.io", "v1beta1"}, {"external.metrics.k8s.io", "v1beta1"}}
	var bundle []byte
	args := []string{"--secure-port", text, "--cert-dir", t.TempDir(), "--kubeconfig", writeKubeconfig(t, plane.RESTConfig())}
	for _, api := range apis {
		var pair string
		pair, bundle = servingFiles(t, plane, api[0], api[1])
		args = append(args, "--tls-sni-cert-key", pair)
	}
	config := writeFile(t, "config.yaml", fmt.Sprintf(`
apiVersion: adapter.evenkeel.dev/v1alpha1
kind: AdapterConfiguration
prometheus: {address: %q}
rulesFile: %q
step: 1s
delay: 500ms
freshFor: 5s
staleAfter: 20s
discovery: {interval: 1s}
`, prom, s.rules))
	s.restart = func() *process {
		s.process = startProcess(t, selfCommand(t, asAdapter, append(args, "--config", config)...))
		return s.process
	}
	s.restart()
	for _, api := range apis {
		if err := plane.RegisterAPIService(t.Context(), api[0], api[1], port, bundle); err != nil {
			t.Fatal(err)
		}
	}
}

// servingFiles are a certificate for a version of an API and its key, and what to trust it by.
func servingFiles(t *testing.T, plane *controlplane.ControlPlane, group, version string) (pair string, bundle []byte) {
	t.Helper()
	config, bundle, err := plane.ServerTLS(group, version)
	if err != nil {
		t.Fatal(err)
	}
	own := config.Certificates[0]
	var chain []byte
	for _, der := range own.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return writeFile(t, "tls.crt", string(chain)) + "," + writeFile(t, "tls.key", string(key)), bundle
}

// deploy makes a Deployment whose pods run at once, and returns their names.
func (s *adapterStage) deploy(t *testing.T, name string, replicas int32) []string {
	t.Helper()
	labels := map[string]string{"app": name}
	spec := newPod(adapterNamespace, name, "", adapterNamespace, "1m").Spec
	spec.NodeName, spec.NodeSelector = "adapter-node", nil
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: adapterNamespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
	if _, err := s.client.AppsV1().Deployments(adapterNamespace).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var names []string
	eventually(t, "the pods of "+name, func(ctx context.Context) (bool, error) {
		pods, err := s.client.CoreV1().Pods(adapterNamespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
		if err != nil {
			return false, err
		}
		names = nil
		for i := range pods.Items {
			if pods.Items[i].Status.Phase == v1.PodRunning {
				names = append(names, pods.Items[i].Name)
			}
		}
		return len(names) == int(replicas), nil
	})
	return names
}

func (s *adapterStage) autoscale(t *testing.T, name string, metric autoscalingv2.MetricSpec) {
	t.Helper()
	s.autoscaleBy(t, name, metric, nil)
}

func (s *adapterStage) autoscaleBy(t *testing.T, name string, metric autoscalingv2.MetricSpec, behavior *autoscalingv2.HorizontalPodAutoscalerBehavior) {
	t.Helper()
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: adapterNamespace, Name: name},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
			MinReplicas:    ptr.To[int32](1), MaxReplicas: 50, Metrics: []autoscalingv2.MetricSpec{metric}, Behavior: behavior,
		},
	}
	if _, err := s.client.AutoscalingV2().HorizontalPodAutoscalers(adapterNamespace).Create(t.Context(), hpa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// get reads a path of the API, as a client of the API server.
func (s *adapterStage) get(t *testing.T, path string) ([]byte, int) {
	t.Helper()
	var code int
	path, query, _ := strings.Cut(path, "?")
	request := s.client.Discovery().RESTClient().Get().AbsPath("apis/" + path)
	for _, one := range strings.Split(query, "&") {
		if name, value, ok := strings.Cut(one, "="); ok {
			request = request.Param(name, unescape(t, value))
		}
	}
	raw, _ := request.Do(t.Context()).StatusCode(&code).Raw() // the code says what went wrong
	return raw, code
}

func unescape(t *testing.T, value string) string {
	t.Helper()
	plain, err := url.QueryUnescape(value)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func (s *adapterStage) status(t *testing.T, path string) int {
	t.Helper()
	_, code := s.get(t, path)
	return code
}

// values are those of a list, or the code of an error.
func (s *adapterStage) values(t *testing.T, path string) (values []string) {
	t.Helper()
	raw, code := s.get(t, path)
	if code != http.StatusOK {
		return []string{fmt.Sprint(code)}
	}
	var list struct {
		Items []struct{ Value resource.Quantity }
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	for _, item := range list.Items {
		values = append(values, item.Value.String())
	}
	return values
}

func (s *adapterStage) waitFor(t *testing.T, path string) {
	t.Helper()
	eventually(t, path, func(context.Context) (bool, error) { return s.status(t, path) == http.StatusOK, nil })
}
