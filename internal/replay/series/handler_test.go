package series

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promclient "github.com/prometheus/client_golang/api"
	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// serve serves a database with m{a="x"} = 0, 1, … 60 in as many seconds; now is
// the last of them.
func serve(t *testing.T) *httptest.Server {
	t.Helper()
	db := open(t, Options{})
	for second := range 61 {
		appendAt(t, db, second, sample(float64(second), "a", "x"))
	}
	catalog := Catalog{"m": {Help: "Seconds.\nAnd a \\.", Counter: true}}
	server := httptest.NewServer(db.Handler(catalog, func() time.Time { return start().Add(time.Minute) }))
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, address string) (code int, body string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

func TestQueryAPI(t *testing.T) {
	server := serve(t)
	unix := start().Unix()
	tests := map[string]struct {
		path       string
		parameters url.Values
		code       int
		want       string // JSON
	}{
		"vector now": {
			path: "query", parameters: url.Values{"query": {"m"}}, code: 200,
			want: fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[
				{"metric":{"__name__":"m","a":"x"},"value":[%d,"60"]}]}}`, unix+60),
		},
		"vector at a time": {
			path: "query", parameters: url.Values{"query": {"m*2"}, "time": {fmt.Sprint(unix+10, ".5")}}, code: 200,
			want: fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[
				{"metric":{"a":"x"},"value":[%d.5,"20"]}]}}`, unix+10),
		},
		"time in RFC 3339": {
			path: "query", parameters: url.Values{"query": {"time()"}, "time": {start().Format(time.RFC3339)}}, code: 200,
			want: fmt.Sprintf(`{"status":"success","data":{"resultType":"scalar","result":[%d,"%d"]}}`, unix, unix),
		},
		"no series is an empty list": {
			path: "query", parameters: url.Values{"query": {"nothing"}}, code: 200,
			want: `{"status":"success","data":{"resultType":"vector","result":[]}}`,
		},
		"not a number": {
			path: "query", parameters: url.Values{"query": {"m / 0 * 0"}}, code: 200,
			want: fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[
				{"metric":{"a":"x"},"value":[%d,"NaN"]}]}}`, unix+60),
		},
		"matrix of a selector": {
			path: "query", parameters: url.Values{"query": {"m[2s]"}, "time": {fmt.Sprint(unix + 10)}}, code: 200,
			want: fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[
				{"metric":{"__name__":"m","a":"x"},"values":[[%d,"9"],[%d,"10"]]}]}}`, unix+9, unix+10),
		},
		"string": {
			path: "query", parameters: url.Values{"query": {`"hello"`}, "time": {fmt.Sprint(unix)}}, code: 200,
			want: fmt.Sprintf(`{"status":"success","data":{"resultType":"string","result":[%d,"hello"]}}`, unix),
		},
		"range": {
			path: "query_range", code: 200,
			parameters: url.Values{
				"query": {"m"}, "start": {fmt.Sprint(unix)}, "end": {fmt.Sprint(unix + 20)}, "step": {"10s"}, "timeout": {"30s"},
			},
			want: fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[
				{"metric":{"__name__":"m","a":"x"},"values":[[%d,"0"],[%d,"10"],[%d,"20"]]}]}}`, unix, unix+10, unix+20),
		},
		"empty range": {
			path: "query_range", code: 200,
			parameters: url.Values{"query": {"nothing"}, "start": {fmt.Sprint(unix)}, "end": {fmt.Sprint(unix)}, "step": {"1"}},
			want:       `{"status":"success","data":{"resultType":"matrix","result":[]}}`,
		},
		"series": {
			path: "series", parameters: url.Values{"match[]": {`m{a="x"}`, "m", "nothing"}}, code: 200,
			want: `{"status":"success","data":[{"__name__":"m","a":"x"}]}`,
		},
		"series of before": {
			path: "series", code: 200,
			parameters: url.Values{"match[]": {"m"}, "start": {fmt.Sprint(unix - 20)}, "end": {fmt.Sprint(unix - 10)}},
			want:       `{"status":"success","data":[]}`,
		},
		"label values": {
			path: "label/a/values", code: 200,
			want: `{"status":"success","data":["x"]}`,
		},
		"label without values": {
			path: "label/b/values", code: 200,
			want: `{"status":"success","data":[]}`,
		},
	}
	for name, test := range tests {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if method == http.MethodPost && strings.HasPrefix(test.path, "label") {
				continue
			}
			t.Run(name+" by "+method, func(t *testing.T) {
				code, body := ask(t, server, method, test.path, test.parameters)
				if code != test.code {
					t.Errorf("code is %d, want %d", code, test.code)
				}
				if diff := cmp.Diff(decode(t, test.want), decode(t, body)); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func ask(t *testing.T, server *httptest.Server, method, path string, parameters url.Values) (code int, body string) {
	t.Helper()
	address := server.URL + "/api/v1/" + path
	if method == http.MethodGet {
		return get(t, address+"?"+parameters.Encode())
	}
	response, err := http.PostForm(address, parameters)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestQueryErrors(t *testing.T) {
	server := serve(t)
	const manyToMany = `m * on() group_left() (label_replace(m,"b","1","","") or label_replace(m,"b","2","",""))`
	between := func(start, end string) url.Values {
		return url.Values{"query": {"m"}, "start": {start}, "end": {end}, "step": {"1"}}
	}
	late := between("0", "1")
	late.Set("timeout", "x")
	during := func(query, step string) url.Values {
		return url.Values{"query": {query}, "start": {"0"}, "end": {"100000"}, "step": {step}}
	}
	tests := map[string]struct {
		path       string
		parameters url.Values
		code       int
		kind, text string
	}{
		"syntax":              {"query", url.Values{"query": {"sum("}}, 400, "bad_data", "parse error"},
		"no query":            {"query", nil, 400, "bad_data", "no expression"},
		"time":                {"query", url.Values{"query": {"m"}, "time": {"noon"}}, 400, "bad_data", `"time"`},
		"time beyond all":     {"query", url.Values{"query": {"m"}, "time": {"1e300"}}, 400, "bad_data", `"time"`},
		"time is not one":     {"query", url.Values{"query": {"m"}, "time": {"NaN"}}, 400, "bad_data", `"time"`},
		"timeout":             {"query", url.Values{"query": {"m"}, "timeout": {"soon"}}, 400, "bad_data", `"timeout"`},
		"out of time":         {"query", url.Values{"query": {"m"}, "timeout": {"0"}}, 503, "timeout", "timed out"},
		"many to many":        {"query", url.Values{"query": {manyToMany}}, 422, "execution", "duplicate"},
		"series syntax":       {"series", url.Values{"match[]": {"m{"}}, 400, "bad_data", `"match[]": `},
		"series of nothing":   {"series", nil, 400, "bad_data", "at least one"},
		"series at no time":   {"series", url.Values{"match[]": {"m"}, "end": {"noon"}}, 400, "bad_data", `"end"`},
		"range syntax":        {"query_range", during("sum(", "100s"), 400, "bad_data", "parse error"},
		"range of a matrix":   {"query_range", during("m[5m]", "100s"), 400, "bad_data", "invalid expression type"},
		"no start":            {"query_range", between("", "1"), 400, "bad_data", `"start"`},
		"no end":              {"query_range", between("1", ""), 400, "bad_data", `"end"`},
		"end before start":    {"query_range", between("2", "1"), 400, "bad_data", `"end"`},
		"no step":             {"query_range", during("m", ""), 400, "bad_data", `"step"`},
		"zero step":           {"query_range", during("m", "0"), 400, "bad_data", `"step"`},
		"negative step":       {"query_range", during("m", "-1"), 400, "bad_data", `"step"`},
		"too many steps":      {"query_range", during("m", "1"), 400, "bad_data", "11000 points"},
		"range timeout":       {"query_range", late, 400, "bad_data", `"timeout"`},
		"label of a bad name": {"label/%FF/values", nil, 400, "bad_data", "label name"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, body := ask(t, server, http.MethodGet, test.path, test.parameters)
			var got answer
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			if code != test.code || got.Status != "error" || got.ErrorType != test.kind || !strings.Contains(got.Error, test.text) {
				t.Errorf("got %d %+v, want %d %s with %q", code, got, test.code, test.kind, test.text)
			}
		})
	}
}

// TestClientReadsTheAPI has Prometheus' own client read the answers.
func TestClientReadsTheAPI(t *testing.T) {
	server := serve(t)
	client, err := promclient.NewClient(promclient.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if idler, ok := client.(promclient.CloseIdler); ok {
		defer idler.CloseIdleConnections()
	}
	prometheus := promapi.NewAPI(client)
	at := start().Add(time.Minute)
	instant, _, err := prometheus.Query(t.Context(), "rate(m[30s])", at)
	if err != nil {
		t.Fatal(err)
	}
	vector, ok := instant.(model.Vector)
	if !ok || len(vector) != 1 || math.Abs(float64(vector[0].Value)-1) > 1e-9 {
		t.Errorf("rate of a counter of seconds is %v, want 1", instant)
	}
	ranged, _, err := prometheus.QueryRange(t.Context(), "m", promapi.Range{Start: start(), End: at, Step: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if matrix, ok := ranged.(model.Matrix); !ok || len(matrix) != 1 || len(matrix[0].Values) != 61 {
		t.Errorf("range is %v, want 61 values", ranged)
	}
}

func TestExposition(t *testing.T) {
	server := serve(t)
	code, body := get(t, server.URL+"/metrics")
	want := fmt.Sprintf("# HELP m Seconds.\\nAnd a \\\\.\n# TYPE m counter\nm{a=\"x\"} 60 %d\n", start().Add(time.Minute).UnixMilli())
	if code != 200 || body != want {
		t.Errorf("got %d:\n%s\nwant:\n%s", code, body, want)
	}
}

// TestExpositionParses has Prometheus' own parser read awkward values back.
func TestExpositionParses(t *testing.T) {
	awkward := map[string]float64{"quote\" back\\slash new\nline": math.Inf(1), "é": 1e-30, "": -0.5}
	db := open(t, Options{})
	var samples []Sample
	for label, value := range awkward {
		samples = append(samples, sample(value, "a", label))
	}
	appendAt(t, db, 0, samples...)
	recorder := httptest.NewRecorder()
	db.Handler(nil, time.Now).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, metric := range families["m"].GetMetric() {
		got[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
	}
	if diff := cmp.Diff(awkward, got); diff != "" {
		t.Errorf("values by label (-want +got):\n%s", diff)
	}
}

func TestExpositionIsEmptyBeforeTheFirstSample(t *testing.T) {
	recorder := httptest.NewRecorder()
	open(t, Options{}).Handler(nil, time.Now).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if recorder.Code != 200 || recorder.Body.Len() != 0 {
		t.Errorf("got %d with %q", recorder.Code, recorder.Body)
	}
}

func TestOtherPaths(t *testing.T) {
	server := serve(t)
	for path, want := range map[string]int{
		"/-/healthy": 200, "/-/ready": 200, "/": 404, "/api/v1/admin/tsdb/delete_series": 404,
	} {
		if code, _ := get(t, server.URL+path); code != want {
			t.Errorf("%s answers %d, want %d", path, code, want)
		}
	}
}

func FuzzParameters(f *testing.F) {
	f.Add("1.5", "10s")
	f.Add("2026-01-02T03:04:05Z", "1e9")
	f.Add("", "")
	f.Add("-9e11", "-0.1")
	f.Fuzz(func(t *testing.T, at, step string) {
		parameters := url.Values{"query": {"1"}, "time": {at}, "start": {at}, "end": {at}, "step": {step}}
		r := httptest.NewRequest(http.MethodGet, "/?"+parameters.Encode(), nil)
		if _, err := parseTime(r, "time", start()); err != nil && at == "" {
			t.Errorf("an absent time has a default: %v", err)
		}
		from, to, length, err := parseRange(r)
		if err == nil && (length <= 0 || to.Before(from)) {
			t.Errorf("accepted %v to %v by %v", from, to, length)
		}
	})
}
