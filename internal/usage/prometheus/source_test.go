package prometheus

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// respond answers every query about nodes and about pods alike.
func respond(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		v := value
		if strings.Contains(query, "timestamp(") && strings.HasPrefix(query, "max") {
			v = "1700000000"
		}
		metric := `{"node":"n1"}`
		if strings.Contains(query, "namespace") {
			metric = `{"namespace":"shop","pod":"web-1"}`
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":%s,"value":[1700000001,%q]}]}}`, metric, v)
	}
}

func open(t *testing.T, handler http.HandlerFunc, change func(*usage.Config)) *Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := usage.Config{Prometheus: &usage.PrometheusConfig{Address: server.URL + "/"}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func count(s *Source, statistic usage.Statistic) (int, error) {
	n := 0
	err := s.Read(context.Background(), statistic, func(usage.Reading) { n++ })
	return n, err
}

func TestRead(t *testing.T) {
	var queries atomic.Int64
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		queries.Add(1)
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/query" || r.FormValue("timeout") != "27000ms" {
			t.Errorf("%s %s, timeout %s", r.Method, r.URL.Path, r.FormValue("timeout"))
		}
		respond("0.5")(w, r)
	}, nil)
	for _, step := range []struct {
		statistic         usage.Statistic
		readings, queries int64
	}{
		{usage.Mean, 8, 16},
		{usage.Deviation, 8, 8}, // with the times of Mean
		{usage.Deviation, 8, 16},
		{usage.P95, 8, 16},
		{usage.Peak, 8, 24},
		{usage.Capacity, 1, 2},
	} {
		queries.Store(0)
		n, err := count(s, step.statistic)
		if err != nil || int64(n) != step.readings || queries.Load() != step.queries {
			t.Errorf("%s: %d readings by %d queries, %v; want %d by %d", step.statistic, n, queries.Load(), err, step.readings, step.queries)
		}
	}
	err := s.Read(t.Context(), usage.Mean, func(r usage.Reading) {
		if r.Sample != (usage.Sample{Value: 0.5, At: 1700000000000}) {
			t.Errorf("%v: the time must be the sample's, not the question's", r)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReadFaults(t *testing.T) {
	short := func(c *usage.Config) { c.Timeout = metav1.Duration{Duration: 50 * time.Millisecond} }
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		change  func(*usage.Config)
		want    string
		once    bool // no second query is tried
	}{
		"hanging": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, short, "nothing came within 50ms: see whether Prometheus is overloaded, or raise timeout", true},
		"hanging midway": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"status":"success","data":{"result":[`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, short, "nothing came within 50ms", true},
		"garbage":      {status(200, "<html>"), nil, "it is not of Prometheus", false},
		"truncated":    {status(200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"no`), nil, "unexpected EOF", false},
		"empty":        {status(200, ""), nil, "unexpected EOF", false},
		"bad query":    {status(400, `{"status":"error","errorType":"bad_data","error":"parse error"}`), nil, "bad_data: parse error", false},
		"timed out":    {status(503, `{"status":"error","errorType":"timeout","error":"query timed out"}`), nil, "timeout: query timed out", false},
		"unauthorized": {status(401, "no"), nil, "401 Unauthorized: see prometheus.bearerTokenFile", true},
		"forbidden":    {status(403, ""), nil, "403 Forbidden: see prometheus.bearerTokenFile", true},
		"not found":    {status(404, "404 page not found"), nil, "404 Not Found: see prometheus.address", true},
		"bad gateway":  {status(502, "<html>"), nil, "502 Bad Gateway", true},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere/login", http.StatusFound)
		}, nil, `to "https://elsewhere/login": put that in prometheus.address`, true},
		"too large": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat(" ", 5000)) },
			func(c *usage.Config) { c.Prometheus.MaxResponseBytes = 2000 },
			"larger than 2000 bytes: raise usage.prometheus.maxResponseBytes", false},
		"other labels": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"host":"n1"},"value":[1,"2"]}]}}`)
		}, nil, "none of 1 series has the labels [node]", false},
		"all late": {func(w http.ResponseWriter, r *http.Request) {
			b := httptest.NewRecorder()
			respond("1")(b, r)
			io.WriteString(w, strings.ReplaceAll(b.Body.String(), "1700000001", "1700000600"))
		}, nil, "the newest samples are older than 2m0s", false},
		"no token": {respond("1"), func(c *usage.Config) { c.Prometheus.BearerTokenFile = "/nowhere" }, "reading prometheus.bearerTokenFile", true},
	} {
		t.Run(name, func(t *testing.T) {
			var queries atomic.Int64
			s := open(t, func(w http.ResponseWriter, r *http.Request) {
				queries.Add(1)
				r.ParseForm() // only then does the server see a client go away
				tc.handler(w, r)
			}, func(c *usage.Config) {
				c.Prometheus.Concurrency = 1
				if tc.change != nil {
					tc.change(c)
				}
			})
			n, err := count(s, usage.Mean)
			if err == nil || !strings.Contains(err.Error(), tc.want) || n != 0 {
				t.Errorf("%d readings, %v, want %q", n, err, tc.want)
			}
			if asked := queries.Load(); (asked <= 1) != tc.once {
				t.Errorf("%d queries were tried", asked)
			}
		})
	}
}

func TestServerDown(t *testing.T) {
	server := httptest.NewServer(respond("1"))
	server.Close()
	s, err := New(usage.Config{Prometheus: &usage.PrometheusConfig{Address: server.URL}}, nil)
	if err != nil {
		t.Fatalf("a server that is down fails the start: %v", err)
	}
	if _, err := count(s, usage.Mean); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

// One query that fails is that dimension's trouble.
func TestPartialFailure(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.FormValue("query"), "container_fs_") {
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, `{"status":"error","errorType":"execution","error":"too many samples"}`)
			return
		}
		respond("1")(w, r)
	}, nil)
	n, err := count(s, usage.Mean)
	var failed *usage.DimensionError
	if n != 7 || !errors.As(err, &failed) || failed.Dimension != usage.Disk || !strings.Contains(err.Error(), "reading disk of pods") {
		t.Errorf("%d readings, %v", n, err)
	}
}

// What Prometheus computes as NaN is handed on, for the Collector to drop.
func TestBadValuesHandedOn(t *testing.T) {
	for _, value := range []string{"NaN", "+Inf", "-Inf", "-1", "1e999"} {
		n, err := count(open(t, respond(value), nil), usage.Mean)
		if n != 8 || err != nil {
			t.Errorf("%s: %d readings, %v", value, n, err)
		}
	}
}

func TestNodeOfInstance(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		b := httptest.NewRecorder()
		respond("1")(b, r)
		io.WriteString(w, strings.ReplaceAll(b.Body.String(), `"node":"n1"`, `"instance":"node-1.example:9100"`))
	}, func(c *usage.Config) { c.Prometheus.NodeLabel = "instance" })
	names := map[string]int{}
	err := s.Read(t.Context(), usage.Mean, func(r usage.Reading) {
		if r.Object.Namespace == "" {
			names[r.Object.Name]++
		}
	})
	if err != nil || names["node-1.example"] != 4 || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var want atomic.Value
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != want.Load() {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			return
		}
		respond("1")(w, r)
	}, func(c *usage.Config) { c.Prometheus.BearerTokenFile = file })
	for _, token := range []string{"first", "renewed"} {
		write(token)
		want.Store("Bearer " + token)
		if n, err := count(s, usage.Mean); n != 8 || err != nil {
			t.Errorf("with the %s token: %d readings, %v", token, n, err)
		}
	}
	want.Store("Bearer other")
	_, err := count(s, usage.Mean)
	if err == nil || strings.Contains(err.Error(), "renewed") {
		t.Errorf("got %v, want an error without the token", err)
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(respond("1"))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	path := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ca := path("ca.pem", "CERTIFICATE", server.Certificate().Raw)
	key := path("key.pem", "PRIVATE KEY", pkcs8(t, server.TLS.Certificates[0].PrivateKey))
	for name, tc := range map[string]struct {
		cfg            usage.PrometheusConfig
		opening, asked string
	}{
		"whole":     {usage.PrometheusConfig{CAFile: ca, CertFile: ca, KeyFile: key}, "", ""},
		"no CA":     {usage.PrometheusConfig{CertFile: ca, KeyFile: key}, "", "certificate"},
		"no client": {usage.PrometheusConfig{CAFile: ca}, "", "certificate required"},
		"CA lost":   {usage.PrometheusConfig{CAFile: "/nowhere"}, "prometheus.caFile", ""},
		"CA empty":  {usage.PrometheusConfig{CAFile: key}, "holds no certificate", ""},
		"key lost":  {usage.PrometheusConfig{CertFile: ca, KeyFile: "/nowhere"}, "prometheus.certFile and keyFile", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tc.cfg.Address = server.URL
			s, err := New(usage.Config{Prometheus: &tc.cfg}, nil)
			if tc.opening != "" {
				if err == nil || !strings.Contains(err.Error(), tc.opening) {
					t.Errorf("got %v, want %q", err, tc.opening)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n, err := count(s, usage.Mean)
			if tc.asked == "" && (err != nil || n != 8) || tc.asked != "" && (err == nil || !strings.Contains(err.Error(), tc.asked)) {
				t.Errorf("%d readings, %v, want %q", n, err, tc.asked)
			}
		})
	}
}

func TestNotPrometheus(t *testing.T) {
	if _, err := New(usage.Config{}, nil); err == nil {
		t.Error("a configuration without prometheus was opened")
	}
}

func TestUnsupported(t *testing.T) {
	none := 0
	s := open(t, respond("1"), func(c *usage.Config) {
		c.Prometheus.Windows.Season.Days = &none
		c.Prometheus.Queries.Capacity.Network = &usage.Query{Disabled: true}
	})
	for _, statistic := range []usage.Statistic{usage.Peak, usage.Capacity} {
		if _, err := count(s, statistic); !errors.Is(err, usage.ErrUnsupported) {
			t.Errorf("%s: %v", statistic, err)
		}
	}
}

func TestObjects(t *testing.T) {
	o := newObjects()
	names := func(s ...string) (out [][]byte) {
		for _, name := range s {
			out = append(out, []byte(name))
		}
		return out
	}
	at := func(s ...string) int64 {
		_, at := o.find(names(s...), usage.CPU)
		return at
	}
	o.saw(names("shop", "web"), usage.CPU, 1000, 2000)
	o.saw(names("shop", "web"), usage.CPU, 900, 2000)
	if at("shop", "web") != 1000 {
		t.Errorf("a time went back to %d", at("shop", "web"))
	}
	o.saw(names("shop", "web"), usage.CPU, 301_000, 301_000)
	o.saw(names("shop", "web"), usage.CPU, 2100, 2200)
	if at("shop", "web") != 2100 {
		t.Errorf("after a clock was put right the time is %d", at("shop", "web"))
	}
	o.saw(names("node-1:9100"), usage.Disk, 9000, 9000)
	if got, _ := o.find(names("node-1:9"), usage.Disk); got != (usage.Object{Name: "node-1"}) {
		t.Errorf("the node is %v", got)
	}
	if at("shop", "other") != 0 || at("node-1") != 0 {
		t.Error("what was never seen has a time")
	}
	o.forget(5000)
	if at("shop", "web") != 0 || len(o.index) != 1 {
		t.Errorf("it remembers %v", o.index)
	}
	o.saw(names("a", "b"), usage.CPU, 9500, 9500)
	if len(o.known) != 2 {
		t.Errorf("a freed place was not taken: %d", len(o.known))
	}
}
