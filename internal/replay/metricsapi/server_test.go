package metricsapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed is a Source that never changes.
type fixed struct {
	nodes []metrics.NodeMetrics
	pods  []metrics.PodMetrics
}

func (f fixed) NodeMetrics() []metrics.NodeMetrics { return f.nodes }
func (f fixed) PodMetrics() []metrics.PodMetrics   { return f.pods }

func testSource() fixed {
	use := corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("1Gi")}
	meta := func(namespace, name, app string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app}}
	}
	pod := func(namespace, name, app string) metrics.PodMetrics {
		containers := []metrics.ContainerMetrics{{Name: "main", Usage: use}}
		return metrics.PodMetrics{ObjectMeta: meta(namespace, name, app), Containers: containers}
	}
	return fixed{
		nodes: []metrics.NodeMetrics{
			{ObjectMeta: meta("", "n1", "x"), Usage: use, Window: metav1.Duration{Duration: 15 * time.Second}},
			{ObjectMeta: meta("", "n2", "y"), Usage: use},
		},
		pods: []metrics.PodMetrics{pod("shop", "a", "x"), pod("shop", "b", "y"), pod("bank", "a", "x")},
	}
}

// authority is a certificate authority.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, certificate, key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// issue makes a client certificate.
func (a *authority) issue(name string) *tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, a.key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// frontProxyConfig is how an API server says by whom its aggregator is known.
func frontProxyConfig(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication"},
		Data:       data,
	}
}

// cluster is an API server that allows everything to alice alone. The authorizer
// needs one that speaks HTTP.
func cluster(t *testing.T, frontCA string) kubernetes.Interface {
	t.Helper()
	config := frontProxyConfig(map[string]string{
		"requestheader-client-ca-file":       frontCA,
		"requestheader-allowed-names":        `["front-proxy-client"]`,
		"requestheader-username-headers":     `["X-Remote-User"]`,
		"requestheader-group-headers":        `["X-Remote-Group"]`,
		"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps/"+config.Name, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(config)
	})
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", func(w http.ResponseWriter, r *http.Request) {
		var review authorizationv1.SubjectAccessReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Errorf("reading a review: %v", err)
		}
		review.Status.Allowed = review.Spec.User == "alice"
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host: server.URL, Transport: transport,
		ContentConfig: rest.ContentConfig{ContentType: "application/json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func startServer(t *testing.T, ca *authority, source Source) *Server {
	t.Helper()
	server, err := Start(t.Context(), Options{Source: source, Client: cluster(t, ca.pem()), Hosts: []string{"metrics.evenkeel.svc"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// caller is somebody who calls the server as the aggregator does.
type caller struct {
	certificate  *tls.Certificate
	user, accept string
}

func (c caller) get(t *testing.T, server *Server, path string) (code int, kind string, body []byte) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CA())
	config := &tls.Config{RootCAs: roots, ServerName: "metrics.evenkeel.svc"}
	if c.certificate != nil {
		config.Certificates = []tls.Certificate{*c.certificate}
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+server.Address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.user != "" {
		request.Header.Set("X-Remote-User", c.user)
	}
	if c.accept != "" {
		request.Header.Set("Accept", c.accept)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), body
}

func TestWhoMayRead(t *testing.T) {
	front, other := newAuthority(t), newAuthority(t)
	server := startServer(t, front, testSource())
	tests := map[string]struct {
		caller caller
		want   int
	}{
		"the aggregator for a user who may":     {caller{certificate: front.issue("front-proxy-client"), user: "alice"}, 200},
		"the aggregator for a user who may not": {caller{certificate: front.issue("front-proxy-client"), user: "mallory"}, 403},
		"the aggregator for nobody":             {caller{certificate: front.issue("front-proxy-client")}, 401},
		"no certificate":                        {caller{user: "alice"}, 401},
		"a certificate of another name":         {caller{certificate: front.issue("mallory"), user: "alice"}, 401},
		"a certificate of another authority":    {caller{certificate: other.issue("front-proxy-client"), user: "alice"}, 401},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, _, body := test.caller.get(t, server, "/apis/metrics.k8s.io/v1beta1/nodes")
			if code != test.want {
				t.Errorf("answer is %d, want %d: %s", code, test.want, body)
			}
			var status metav1.Status
			if err := json.Unmarshal(body, &status); err != nil || (code != 200 && int(status.Code) != code) {
				t.Errorf("error %v in %s", err, body)
			}
		})
	}
}

func TestAPI(t *testing.T) {
	front := newAuthority(t)
	server := startServer(t, front, testSource())
	alice := caller{certificate: front.issue("front-proxy-client"), user: "alice"}
	const base = "/apis/metrics.k8s.io/v1beta1"
	tests := map[string]struct {
		path  string
		code  int
		kind  string
		names []string
	}{
		"nodes":                 {base + "/nodes", 200, "NodeMetricsList", []string{"/n1", "/n2"}},
		"nodes by label":        {base + "/nodes?labelSelector=app%3Dy", 200, "NodeMetricsList", []string{"/n2"}},
		"nodes by name":         {base + "/nodes?fieldSelector=metadata.name%3Dn1", 200, "NodeMetricsList", []string{"/n1"}},
		"no nodes":              {base + "/nodes?labelSelector=app%3Dz", 200, "NodeMetricsList", nil},
		"node":                  {base + "/nodes/n2", 200, "NodeMetrics", []string{"/n2"}},
		"unknown node":          {base + "/nodes/n3", 404, "Status", nil},
		"pods":                  {base + "/pods", 200, "PodMetricsList", []string{"shop/a", "shop/b", "bank/a"}},
		"pods of a namespace":   {base + "/namespaces/shop/pods", 200, "PodMetricsList", []string{"shop/a", "shop/b"}},
		"pods by label":         {base + "/pods?labelSelector=app+in+(x)", 200, "PodMetricsList", []string{"shop/a", "bank/a"}},
		"pods by field":         {base + "/pods?fieldSelector=metadata.namespace%3Dbank", 200, "PodMetricsList", []string{"bank/a"}},
		"of no namespace":       {base + "/namespaces/nowhere/pods", 200, "PodMetricsList", nil},
		"pod":                   {base + "/namespaces/bank/pods/a", 200, "PodMetrics", []string{"bank/a"}},
		"unknown pod":           {base + "/namespaces/bank/pods/b", 404, "Status", nil},
		"broken label selector": {base + "/pods?labelSelector=%3D%3D", 400, "Status", nil},
		"broken field selector": {base + "/pods?fieldSelector=a", 400, "Status", nil},
		"unknown field":         {base + "/pods?fieldSelector=spec.nodeName%3Da", 400, "Status", nil},
		"watch":                 {base + "/pods?watch=true", 405, "Status", nil},
		"groups":                {"/apis", 200, "APIGroupList", nil},
		"group":                 {"/apis/metrics.k8s.io", 200, "APIGroup", nil},
		"resources":             {base, 200, "APIResourceList", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, _, body := alice.get(t, server, test.path)
			var got struct {
				Kind     string
				Metadata metav1.ObjectMeta
				Items    []struct{ Metadata metav1.ObjectMeta }
			}
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			var names []string
			if got.Metadata.Name != "" {
				names = append(names, got.Metadata.Namespace+"/"+got.Metadata.Name)
			}
			for _, item := range got.Items {
				names = append(names, item.Metadata.Namespace+"/"+item.Metadata.Name)
			}
			if code != test.code || got.Kind != test.kind {
				t.Errorf("answer is %d %s, want %d %s: %s", code, got.Kind, test.code, test.kind, body)
			}
			if diff := cmp.Diff(test.names, names); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if strings.HasSuffix(got.Kind, "MetricsList") && strings.Contains(string(body), `"items":null`) {
				t.Error("an empty list is null")
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	front := newAuthority(t)
	server := startServer(t, front, testSource())
	tests := map[string]struct {
		accept, path string
		code         int
		kind         string
	}{
		"protobuf": {
			"application/vnd.kubernetes.protobuf,application/json", "/apis/metrics.k8s.io/v1beta1/pods",
			200, "application/vnd.kubernetes.protobuf",
		},
		"a table is not to be had, so the list": {
			"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "/apis/metrics.k8s.io/v1beta1/pods",
			200, "application/json",
		},
		"discovery in one answer is not to be had, so the plain one": {
			"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", "/apis",
			200, "application/json",
		},
		"nothing that fits": {"text/html;q=1", "/apis/metrics.k8s.io/v1beta1/pods", 406, "application/json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := caller{certificate: front.issue("front-proxy-client"), user: "alice", accept: test.accept}
			code, kind, body := c.get(t, server, test.path)
			if code != test.code || kind != test.kind {
				t.Errorf("answer is %d %s, want %d %s: %s", code, kind, test.code, test.kind, body)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	front := newAuthority(t)
	server := startServer(t, front, testSource())
	alice := caller{certificate: front.issue("front-proxy-client"), user: "alice"}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/livez": 200, "/openapi/v2": 404, "/": 404} {
		if code, _, _ := alice.get(t, server, path); code != want {
			t.Errorf("%s answers %d, want %d", path, code, want)
		}
	}
}

func TestStartErrors(t *testing.T) {
	good := newAuthority(t).pem()
	tests := map[string]struct {
		data map[string]string // nil: no ConfigMap
		want string
	}{
		"no ConfigMap":     {nil, `"extension-apiserver-authentication" not found`},
		"no authority":     {map[string]string{}, "--requestheader-client-ca-file"},
		"broken authority": {map[string]string{"requestheader-client-ca-file": "?"}, "requestheader-client-ca-file"},
		"broken header list": {
			map[string]string{"requestheader-client-ca-file": good, "requestheader-group-headers": "X"},
			"requestheader-group-headers",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			if test.data != nil {
				client = fake.NewClientset(frontProxyConfig(test.data))
			}
			server, err := Start(t.Context(), Options{Source: fixed{}, Client: client})
			if err == nil {
				_ = server.Stop()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %q, want it to say %q", err, test.want)
			}
		})
	}
}
