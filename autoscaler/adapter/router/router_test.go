package router

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// server is another metrics server: what it answers by path.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string
	asked   []string
	token   string
}

const (
	pods   = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/load"
	web    = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/web-0/load"
	node   = "/apis/custom.metrics.k8s.io/v1beta2/nodes/n1/load"
	ofShop = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/metrics/load"
	front  = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/ingresses.networking.k8s.io/front/load"
	queue  = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue"
)

func value(kind, name, quantity string) string {
	return fmt.Sprintf(`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[{"describedObject":
		{"kind":%q,"namespace":"shop","name":%q,"apiVersion":"v1"},"metric":{"name":"load"},"timestamp":"2026-11-22T08:00:00Z","value":%q}]}`, kind, name, quantity)
}

const external = `{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[
	{"metricName":"queue","metricLabels":{"queue":"mail"},"timestamp":"2026-11-22T08:00:00Z","value":"2500m"}]}`

// groups are those of a server that has both APIs.
func groups() map[string]string {
	group := func(name, version string) string {
		return fmt.Sprintf(`{"kind":"APIGroup","apiVersion":"v1","name":%q,"versions":[{"groupVersion":"%s/%s","version":%q}]}`, name, name, version, version)
	}
	return map[string]string{
		"/apis/custom.metrics.k8s.io":   group("custom.metrics.k8s.io", "v1beta2"),
		"/apis/external.metrics.k8s.io": group("external.metrics.k8s.io", "v1beta1"),
	}
}

func newServer(t *testing.T, answers map[string]string) *server {
	t.Helper()
	s := &server{answers: groups()}
	for path, answer := range answers {
		s.answers[path] = answer
	}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		query := r.URL.Query()
		query.Del("timeout") // the client's own
		s.asked = append(s.asked, strings.TrimSuffix(r.URL.Path+"?"+query.Encode(), "?"))
		s.token = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		answer, ok := s.answers[r.URL.Path]
		switch code := 0; {
		case !ok:
			fail(w, http.StatusNotFound, "no such thing")
		case strings.HasPrefix(answer, "status "):
			fmt.Sscanf(answer, "status %d", &code)
			fail(w, code, "as told")
		default:
			w.Write([]byte(answer))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func fail(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code, "reason": map[int]string{404: "NotFound"}[code]})
}

// upstream is the server's configuration, with its authority and a token in files.
func (s *server) upstream(t *testing.T, name string) Upstream {
	t.Helper()
	dir := t.TempDir()
	ca, token := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "token")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	for file, data := range map[string][]byte{ca: pem.EncodeToMemory(block), token: []byte("secret\n")} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Upstream{Name: name, URL: s.URL, CAFile: ca, BearerTokenFile: token}
}

func newRouter(t *testing.T, upstreams ...Upstream) (*Router, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	router, err := New(Config{Upstreams: upstreams}, clocktesting.NewFakeClock(time.Now()), r)
	if err != nil {
		t.Fatal(err)
	}
	return router, r
}

var (
	load       = provider.CustomMetricInfo{GroupResource: schema.GroupResource{Resource: "pods"}, Namespaced: true, Metric: "load"}
	everything = labels.Everything()
)

func of(resource string, namespaced bool) provider.CustomMetricInfo {
	return provider.CustomMetricInfo{GroupResource: schema.ParseGroupResource(resource), Namespaced: namespaced, Metric: "load"}
}

func code(err error) int32 {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Code
	}
	if err != nil {
		return -1
	}
	return 200
}

func TestGetMetricByName(t *testing.T) {
	s := newServer(t, map[string]string{
		web: value("Pod", "web-0", "1500m"), node: value("Node", "n1", "2"), ofShop: value("Namespace", "shop", "3"), front: value("Ingress", "front", "4"),
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/none/load": `{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","items":[]}`,
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/odd/load":  `<html>`,
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/no/load":   `status 403`,
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/late/load": `status 503`,
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/many/load": `status 429`,
	})
	r, _ := newRouter(t, s.upstream(t, "other"))
	for name, test := range map[string]struct {
		object types.NamespacedName
		info   provider.CustomMetricInfo
		want   int64
		code   int32
	}{
		"a pod":            {types.NamespacedName{Namespace: "shop", Name: "web-0"}, load, 1500, 200},
		"a node":           {types.NamespacedName{Name: "n1"}, of("nodes", false), 2000, 200},
		"a namespace":      {types.NamespacedName{Name: "shop"}, of("namespaces", false), 3000, 200},
		"of another group": {types.NamespacedName{Namespace: "shop", Name: "front"}, of("ingresses.networking.k8s.io", true), 4000, 200},
		"unknown":          {types.NamespacedName{Namespace: "shop", Name: "web-9"}, load, 0, 404},
		"an empty list":    {types.NamespacedName{Namespace: "shop", Name: "none"}, load, 0, 404},
		"no JSON":          {types.NamespacedName{Namespace: "shop", Name: "odd"}, load, 0, 503},
		"forbidden":        {types.NamespacedName{Namespace: "shop", Name: "no"}, load, 0, 403},
		"unavailable":      {types.NamespacedName{Namespace: "shop", Name: "late"}, load, 0, 503},
		"too many":         {types.NamespacedName{Namespace: "shop", Name: "many"}, load, 0, 429},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.GetMetricByName(t.Context(), test.object, test.info, everything)
			if code(err) != test.code || err == nil && got.Value.MilliValue() != test.want {
				t.Errorf("got %v, %v, want %d, %d", got, err, test.want, test.code)
			}
		})
	}
	if s.token != "Bearer secret" {
		t.Errorf("asked as %q", s.token)
	}
	if count := strings.Count(strings.Join(s.asked, " ")+" ", "/apis/custom.metrics.k8s.io "); count != 1 {
		t.Errorf("agreed on a version %d times", count)
	}
}

func TestSelectors(t *testing.T) {
	s := newServer(t, map[string]string{pods: value("Pod", "web-0", "1"), queue: external})
	r, _ := newRouter(t, s.upstream(t, "other"))
	is := func(text string) labels.Selector { selector, _ := labels.Parse(text); return selector }
	list, err := r.GetMetricBySelector(t.Context(), "shop", is("app=web"), load, is("verb=GET"))
	if err != nil || len(list.Items) != 1 || list.Items[0].DescribedObject.Name != "web-0" {
		t.Errorf("got %v, %v", list, err)
	}
	values, err := r.GetExternalMetric(t.Context(), "shop", is("queue in (mail)"), provider.ExternalMetricInfo{Metric: "queue"})
	if err != nil || len(values.Items) != 1 || values.Items[0].Value.MilliValue() != 2500 || values.Items[0].MetricLabels["queue"] != "mail" {
		t.Errorf("got %v, %v", values, err)
	}
	want := []string{
		"/apis/custom.metrics.k8s.io", pods + "?labelSelector=app%3Dweb&metricLabelSelector=verb%3DGET",
		"/apis/external.metrics.k8s.io", queue + "?labelSelector=queue+in+%28mail%29",
	}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Error(diff)
	}
}

func TestOlderVersion(t *testing.T) {
	s := newServer(t, map[string]string{
		"/apis/custom.metrics.k8s.io": `{"kind":"APIGroup","apiVersion":"v1","name":"custom.metrics.k8s.io","versions":[{"version":"v1beta1"}]}`,
		strings.Replace(pods, "v1beta2", "v1beta1", 1): `{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","items":[
			{"describedObject":{"kind":"Pod","name":"web-0"},"metricName":"load","timestamp":"2026-11-22T08:00:00Z","value":"7"}]}`,
		"/apis/external.metrics.k8s.io": `{"kind":"APIGroup","apiVersion":"v1","name":"external.metrics.k8s.io","versions":[{"version":"v9"}]}`,
	})
	r, _ := newRouter(t, s.upstream(t, "other"))
	list, err := r.GetMetricBySelector(t.Context(), "shop", everything, load, everything)
	if err != nil || list.Items[0].Metric.Name != "load" || list.Items[0].Value.Value() != 7 {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := r.GetExternalMetric(t.Context(), "shop", everything, provider.ExternalMetricInfo{Metric: "queue"}); code(err) != 503 {
		t.Errorf("of a version that cannot be read: %v", err)
	}
}

// TestOrder asks two servers.
func TestOrder(t *testing.T) {
	for name, test := range map[string]struct {
		first, second string
		want          string
		code          int32
		reason        string
	}{
		"both":                {value("Pod", "web-0", "1"), value("Pod", "web-0", "2"), "1", 200, "the first goes first"},
		"the second":          {"status 404", value("Pod", "web-0", "2"), "2", 200, "the first does not know"},
		"neither":             {"status 404", "status 404", "", 404, "nobody knows"},
		"the first is ill":    {"status 500", value("Pod", "web-0", "2"), "", 500, "it may know, and what the second says may be of something else"},
		"the second is ill":   {"status 404", "status 503", "", 503, "it may know"},
		"the first is broken": {"{", value("Pod", "web-0", "2"), "", 503, "it may know"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newServer(t, map[string]string{web: test.first}), newServer(t, map[string]string{web: test.second})
			r, _ := newRouter(t, a.upstream(t, "a"), b.upstream(t, "b"))
			got, err := r.GetMetricByName(t.Context(), types.NamespacedName{Namespace: "shop", Name: "web-0"}, load, everything)
			if code(err) != test.code || err == nil && got.Value.String() != test.want {
				t.Errorf("got %v, %v: %s", got, err, test.reason)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	s := newServer(t, nil)
	upstream := s.upstream(t, "gone")
	s.Close()
	r, registry := newRouter(t, upstream)
	_, err := r.GetMetricBySelector(t.Context(), "shop", everything, load, everything)
	if code(err) != 503 || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v", err)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP evenkeel_adapter_upstream_requests_total Questions to other metrics servers, by server and HTTP status.
# TYPE evenkeel_adapter_upstream_requests_total counter
evenkeel_adapter_upstream_requests_total{code="503",server="gone"} 1
`)); err != nil {
		t.Error(err)
	}
}

func TestAServerThatHangs(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(hang)
	r, _ := newRouter(t, (&server{Server: s}).upstream(t, "slow"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.GetMetricBySelector(ctx, "shop", everything, load, everything); code(err) != 503 {
		t.Errorf("got %v", err)
	}
}

func TestLists(t *testing.T) {
	list := func(names ...string) string {
		var resources []string
		for _, name := range names {
			resources = append(resources, fmt.Sprintf(`{"name":%q,"namespaced":%v}`, name, !strings.HasPrefix(name, "nodes")))
		}
		return `{"kind":"APIResourceList","apiVersion":"v1","resources":[` + strings.Join(resources, ",") + `]}`
	}
	s := newServer(t, map[string]string{
		"/apis/custom.metrics.k8s.io/v1beta2":   list("pods/load", "nodes/load", "ingresses.networking.k8s.io/load", "odd"),
		"/apis/external.metrics.k8s.io/v1beta1": list("queue"),
	})
	r, err := New(Config{Upstreams: []Upstream{s.upstream(t, "a")}}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		want := []provider.CustomMetricInfo{of("pods", true), of("nodes", false), of("ingresses.networking.k8s.io", true)}
		if diff := cmp.Diff(want, r.ListAllMetrics()); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
		if diff := cmp.Diff([]provider.ExternalMetricInfo{{Metric: "queue"}}, r.ListAllExternalMetrics()); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
	}
	if len(r.ListAllMetrics())+len(r.ListAllExternalMetrics()) > 0 {
		t.Error("nobody was asked")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if r.Run(ctx); len(r.ListAllMetrics()) > 0 {
		t.Error("asked after the end")
	}
	if err := r.upstreams[0].refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("asked")
	s.answers["/apis/external.metrics.k8s.io/v1beta1"] = "status 500"
	if err := r.upstreams[0].refresh(t.Context()); err == nil {
		t.Error("no error")
	}
	check("a failure leaves the lists")
	delete(s.answers, "/apis/external.metrics.k8s.io/v1beta1")
	if err := r.upstreams[0].refresh(t.Context()); err != nil || len(r.ListAllExternalMetrics()) > 0 || len(r.ListAllMetrics()) != 3 {
		t.Errorf("a group that is gone: %v, %v", err, r.ListAllExternalMetrics())
	}
}

func TestValidate(t *testing.T) {
	good := Upstream{Name: "a", URL: "https://a.b.svc", BearerTokenFile: "-"}
	for name, test := range map[string]struct {
		config Config
		wrong  string
	}{
		"one":                         {Config{Upstreams: []Upstream{good}}, ""},
		"none":                        {Config{}, ""},
		"too slow":                    {Config{TimeoutSeconds: 60}, "router.timeoutSeconds"},
		"never again":                 {Config{RefreshSeconds: -1}, "router.refreshSeconds"},
		"without a name":              {Config{Upstreams: []Upstream{{URL: "https://a", BearerTokenFile: "-"}}}, "router.upstreams[0].name"},
		"twice":                       {Config{Upstreams: []Upstream{good, good}}, "router.upstreams[1].name"},
		"nowhere":                     {Config{Upstreams: []Upstream{{Name: "a", BearerTokenFile: "-"}}}, "router.upstreams[0].url"},
		"in the clear":                {Config{Upstreams: []Upstream{{Name: "a", URL: "http://a", BearerTokenFile: "-"}}}, "router.upstreams[0].url"},
		"no URL":                      {Config{Upstreams: []Upstream{{Name: "a", URL: "://", BearerTokenFile: "-"}}}, "router.upstreams[0].url"},
		"a key without a certificate": {Config{Upstreams: []Upstream{{Name: "a", URL: "https://a", KeyFile: "k", BearerTokenFile: "-"}}}, "router.upstreams[0].keyFile"},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Default()
			errs := test.config.Validate(field.NewPath("router"))
			if test.wrong == "" && len(errs) > 0 || test.wrong != "" && (len(errs) == 0 || errs[len(errs)-1].Field != test.wrong) {
				t.Errorf("got %v, want %q", errs, test.wrong)
			}
		})
	}
}

func TestFilesThatAreMissing(t *testing.T) {
	for name, u := range map[string]Upstream{
		"token":       {Name: "other", URL: "https://a", BearerTokenFile: "missing"},
		"authority":   {Name: "other", URL: "https://a", BearerTokenFile: "-", CAFile: "missing"},
		"certificate": {Name: "other", URL: "https://a", CertFile: "missing", KeyFile: "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Config{Upstreams: []Upstream{u}}, clock.RealClock{}, nil)
			if err == nil || !strings.Contains(err.Error(), "missing") || !strings.Contains(err.Error(), "other") {
				t.Errorf("got %v, want the server and the file", err)
			}
		})
	}
}
