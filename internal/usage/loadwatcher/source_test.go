package loadwatcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
)

const text = `{"timestamp":1795262500,"window":{"duration":"15m","start":1795261500,"end":1795262400},"source":"Prometheus",
"data":{"NodeMetricsMap":{
 "n1":{"metrics":[
  {"name":"cpu","type":"CPU","operator":"AVG","rollup":"15m","value":25},
  {"name":"cpu","type":"CPU","operator":"STD","rollup":"15m","value":5},
  {"name":"mem","type":"Memory","operator":"AVG","rollup":"15m","value":50},
  {"name":"net","type":"Bandwidth","operator":"AVG","value":99}],"tags":{},"metadata":{"dataCenter":""}},
 "n2":{"metrics":[
  {"name":"cpu","type":"CPU","operator":"Latest","value":10},
  {"name":"mem","type":"Memory","operator":"","value":20}]},
 "n3":{"metrics":[{"name":"cpu","type":"CPU","operator":"MAX","value":80}]},
 "stranger":{"metrics":[{"name":"cpu","type":"CPU","operator":"AVG","value":80}]},
 "empty":{}
}}}`

func capacity(node string) (float64, float64, bool) {
	return 8, 1000, node != "stranger"
}

var noon = time.Unix(1795262500, 0)

func open(t *testing.T, handler http.HandlerFunc, change func(*usage.Config)) usage.Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := usage.Config{LoadWatcher: &usage.LoadWatcherConfig{Address: server.URL + "/"}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, nil, capacity, clocktesting.NewFakePassiveClock(noon))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func say(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/watcher" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, body)
	}
}

func read(t *testing.T, s usage.Source, statistic usage.Statistic) (map[string]usage.Sample, error) {
	t.Helper()
	out := map[string]usage.Sample{}
	err := s.Read(t.Context(), statistic, func(r usage.Reading) {
		out[fmt.Sprintf("%s/%s %s", r.Object.Namespace, r.Object.Name, r.Dimension)] = r.Sample
	})
	return out, err
}

func TestRead(t *testing.T) {
	s := open(t, say(text), nil)
	at := int64(1795262400_000)
	for statistic, want := range map[usage.Statistic]map[string]usage.Sample{
		usage.Mean: {
			"/n1 cpu": {Value: 2, At: at}, "/n1 memory": {Value: 500, At: at},
			"/n2 cpu": {Value: 0.8, At: at}, "/n2 memory": {Value: 200, At: at},
		},
		usage.Deviation: {"/n1 cpu": {Value: 0.4, At: at}},
		usage.P95:       {},
	} {
		got, err := read(t, s, statistic)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", statistic, err, diff)
		}
	}
	if _, err := read(t, s, usage.Peak); !errors.Is(err, usage.ErrUnsupported) {
		t.Errorf("peak: %v", err)
	}
}

// A load-watcher on metrics-server has no deviations: they are made here.
func TestWithoutDeviation(t *testing.T) {
	s := open(t, say(strings.ReplaceAll(text, `"STD"`, `"none"`)), nil)
	if got, err := read(t, s, usage.Deviation); err != nil || len(got) != 0 {
		t.Errorf("at the start: %v, %v", got, err)
	}
}

func TestWithoutWindow(t *testing.T) {
	s := open(t, say(`{"timestamp":7,"data":{"NodeMetricsMap":{"n1":{"metrics":[{"type":"CPU","operator":"AVG","value":100}]}}}}`), nil)
	if got, err := read(t, s, usage.Mean); err != nil || got["/n1 cpu"] != (usage.Sample{Value: 8, At: 7000}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		change  func(*usage.Config)
		want    string
	}{
		"no metrics yet": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, nil, "500 Internal Server Error: see loadWatcher.address, and whether it has metrics yet"},
		"garbage":        {say("<html>"), nil, "decoding the answer of load-watcher"},
		"truncated":      {say(text[:200]), nil, "unexpected EOF"},
		"empty":          {say(""), nil, "EOF"},
		"wrong type":     {say(`{"timestamp":"now"}`), nil, "decoding the answer"},
		"too large": {say(strings.Repeat(" ", 5000) + text), func(c *usage.Config) { c.LoadWatcher.MaxResponseBytes = 4000 },
			"larger than 4000 bytes: raise usage.loadWatcher.maxResponseBytes"},
		"hanging": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(c *usage.Config) { c.Timeout = metav1.Duration{Duration: 50 * time.Millisecond} }, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, open(t, tc.handler, tc.change), usage.Mean)
			if err == nil || !strings.Contains(err.Error(), tc.want) || len(got) != 0 {
				t.Errorf("%v, %v, want %q", got, err, tc.want)
			}
		})
	}
	if _, err := New(usage.Config{}, nil, capacity, clocktesting.NewFakePassiveClock(noon)); err == nil {
		t.Error("a configuration without loadWatcher was opened")
	}
}

// FuzzAnswer: whatever load-watcher says, readings are of known nodes, of CPU or
// memory, one of each.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte(`{"data":{"NodeMetricsMap":{"n":{"metrics":[{"type":"CPU","operator":"avg","value":-1e308},{"type":"CPU","operator":"AVG","value":2}]}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var a answer
		if json.Unmarshal(body, &a) != nil {
			t.Skip()
		}
		for _, statistic := range []usage.Statistic{usage.Mean, usage.Deviation} {
			seen := map[usage.Object]int{}
			for _, r := range readingsOf(&a, statistic, capacity) {
				if r.Object.Name == "stranger" || r.Object.Namespace != "" || r.Dimension > usage.Memory {
					t.Errorf("a reading of %v, %s", r.Object, r.Dimension)
				}
				if seen[r.Object]++; seen[r.Object] > 2 {
					t.Errorf("%v has more than CPU and memory", r.Object)
				}
			}
		}
	})
}
