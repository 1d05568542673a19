package adapter

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fakePrometheus answers from memory, as slowly as a real one: some time for each query, and some for each series that it
// goes through.
type fakePrometheus struct {
	*httptest.Server
	queries atomic.Int64
	// samples are the texts of a metric's samples by namespace and pod; all metrics have the same.
	samples map[string]map[string]string
	series  string
}

const (
	perQuery  = 2 * time.Millisecond
	perSeries = 2 * time.Microsecond
)

func newPrometheus(b *testing.B, w workload) *fakePrometheus {
	b.Helper()
	f := &fakePrometheus{samples: map[string]map[string]string{}}
	var series []string
	w.each(func(namespace, pod string) {
		if f.samples[namespace] == nil {
			f.samples[namespace] = map[string]string{}
		}
		f.samples[namespace][pod] = fmt.Sprintf(`{"metric":{"namespace":%q,"pod":%q},"value":[%%[1]d,"12.5"]}`, namespace, pod)
	})
	for metric := range w.metrics {
		series = append(series, fmt.Sprintf(`{"__name__":"app_%d_total","namespace":"n0","pod":"a0-0"}`, metric))
	}
	f.series = `{"status":"success","data":[` + strings.Join(series, ",") + `]}`
	f.Server = httptest.NewServer(http.HandlerFunc(f.answer))
	b.Cleanup(f.Close)
	return f
}

var (
	inNamespace = regexp.MustCompile(`namespace="([^"]+)"`)
	ofPods      = regexp.MustCompile(`pod=~?"([^"]+)"`)
)

func (f *fakePrometheus) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/series") {
		fmt.Fprint(w, f.series)
		return
	}
	f.queries.Add(1)
	query := r.FormValue("query")
	namespaces := f.samples
	if match := inNamespace.FindStringSubmatch(query); match != nil {
		namespaces = map[string]map[string]string{match[1]: f.samples[match[1]]}
	}
	var names []string
	if match := ofPods.FindStringSubmatch(query); match != nil {
		names = strings.Split(match[1], "|")
	}
	var found []string
	for _, pods := range namespaces {
		if names == nil {
			for _, sample := range pods {
				found = append(found, sample)
			}
		}
		for _, name := range names {
			if sample := pods[name]; sample != "" {
				found = append(found, sample)
			}
		}
	}
	<-time.After(perQuery + time.Duration(len(found))*perSeries)
	now := time.Now().Unix()
	text := fmt.Sprintf(strings.Join(found, ","), now)
	if strings.Contains(query, "timestamp(") {
		text = strings.ReplaceAll(text, `"12.5"`, fmt.Sprintf(`"%d"`, now))
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, text)
}
