package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var sunday = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// usageOf two weeks before Sunday: high by day, with what Jobs use from 10 to 11 beside.
func usageOf(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("time,cores\n")
	for at := sunday.AddDate(0, 0, -14); at.Before(sunday); at = at.Add(5 * time.Minute) {
		cores := 10
		if hour := at.Hour(); hour >= 8 && hour < 18 {
			cores = 50
			if hour == 10 {
				cores += 20
			}
		}
		fmt.Fprintf(&text, "%d,%d\n", at.Unix(), cores)
	}
	return writeFile(t, "usage.csv", text.String())
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const putOff = `
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: day, namespace: batch}
spec:
  windows: [{name: day, timeZone: UTC, from: "08:00", to: "18:00"}]
  selection: {kinds: [Job, CronJob]}
  action: {suspend: true}
  deadline: {expectedRunTime: 1h, after: 20h}
  ceiling: {cpu: 60}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: batch}
spec: {}
`

// jobsOf every day of two weeks, from 10 to 11.
func jobsOf() string {
	var text strings.Builder
	for day := 1; day <= 14; day++ {
		at := sunday.AddDate(0, 0, -day).Add(10 * time.Hour)
		fmt.Fprintf(&text, `---
apiVersion: batch/v1
kind: Job
metadata: {name: report-%d, namespace: batch, creationTimestamp: %q, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: report, uid: r, controller: true}]}
spec: {parallelism: 2, completions: 2, template: {spec: {containers: [{name: c, resources: {requests: {cpu: 10}}}]}}}
status: {startTime: %q, completionTime: %q, conditions: [{type: Complete, status: "True"}]}
`, day, at.Format(time.RFC3339), at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
	}
	return text.String()
}

// TestReplay: what ran at the peak of last week would have run by night, and the page shows both.
func TestReplay(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	got, err := runPreview(t, putOff+jobsOf(), "-f", "-", "--days", "2", "--from", sunday.Format(time.RFC3339), "--usage-csv", usageOf(t), "--html", page)
	if err != nil {
		t.Fatal(err)
	}
	const want = "more than 70.0 cores were used; with these policies it would have been 50.0 (-28.6 %). " +
		"7 Jobs are replayed, of which 0 would have missed their deadlines and 0 would not have ended"
	if !strings.Contains(got, want) || !strings.Contains(got, "CronJob  batch/report") {
		t.Errorf("got %s", got)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<svg", "batch/day", "as it was", "with the policies", "batch/report", want} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the page does not have %q", part)
		}
	}
	got, err = runPreview(t, putOff, "-f", "-", "--days", "1", "--from", sunday.Format(time.RFC3339), "--usage-csv", usageOf(t))
	if err != nil || !strings.Contains(got, "70.0 (+0.0 %)") || !strings.Contains(got, "No Job") {
		t.Errorf("without Jobs: %v, %s", err, got)
	}
}

// prometheusOf a cluster whose nodes use as many cores as of says, and in which one pod of each Job of jobsOf used 5 of them.
func prometheusOf(t *testing.T, of func(at time.Time) int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := func(name string) float64 {
			value, err := strconv.ParseFloat(r.FormValue(name), 64)
			if err != nil {
				t.Error(err)
			}
			return value
		}
		series := map[string]func(at time.Time) int{"{}": of}
		if strings.Contains(r.FormValue("query"), "container_cpu") {
			series = map[string]func(at time.Time) int{}
			for day := 1; day <= 14; day++ {
				series[fmt.Sprintf(`{"namespace":"batch","pod":"report-%d-x2vz9"}`, day)] = func(time.Time) int { return 5 }
			}
		}
		var all []string
		for metric, of := range series {
			var values []string
			for at := number("start"); at <= number("end"); at += number("step") {
				values = append(values, fmt.Sprintf(`[%f,"%d"]`, at, of(time.Unix(int64(at), 0).UTC())))
			}
			all = append(all, fmt.Sprintf(`{"metric":%s,"values":[%s]}`, metric, strings.Join(values, ",")))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(all, ","))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestReplayMeasured: what Jobs used is taken out of the load and played again, not the 60 cores that they request.
func TestReplayMeasured(t *testing.T) {
	url := prometheusOf(t, func(at time.Time) int {
		switch hour := at.Add(-time.Second).Hour(); {
		case hour == 10:
			return 55
		case hour >= 8 && hour < 18:
			return 50
		}
		return 10
	})
	jobs := strings.ReplaceAll(jobsOf(), "cpu: 10", "cpu: 30")
	got, err := runPreview(t, putOff+jobs, "-f", "-", "--days", "1", "--from", sunday.Format(time.RFC3339), "--prometheus", url)
	const want = "more than 55.0 cores were used; with these policies it would have been 50.0 (-9.1 %). 7 Jobs are replayed"
	if err != nil || !strings.Contains(got, want) {
		t.Errorf("%v, %s", err, got)
	}
}

func TestReplayRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"both":        {[]string{"--usage-csv", "x", "--prometheus", "http://x"}, "either"},
		"no file":     {[]string{"--usage-csv", "/nowhere.csv"}, "/nowhere.csv"},
		"a day only":  {[]string{"--usage-csv", writeFile(t, "a", "time,cores\n0,1\n86400,1\n")}, "a week is needed"},
		"no URL":      {[]string{"--prometheus", ":"}, "client"},
		"unreachable": {[]string{"--prometheus", "http://127.0.0.1:1"}, "asking Prometheus"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := runPreview(t, putOff, append([]string{"-f", "-"}, test.args...)...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

func TestReadSeries(t *testing.T) {
	got, err := readSeries(strings.NewReader("time,cores\n2026-03-01T00:01:00Z,1\n1772323380,2\n2026-03-01T00:11:00Z,0.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1500, -1, 500}, got.CPU); diff != "" || !got.Start.Equal(sunday) {
		t.Errorf("from %s: %s", got.Start, diff)
	}
	for text, want := range map[string]string{
		"":                                 "header",
		"a,b\n":                            "time,cores",
		"time,cores\n1\n":                  "wrong number of fields",
		"time,cores\nx,1\n":                "line 2: field time",
		"time,cores\n1,x\n":                "line 2: field cores",
		"time,cores\n1,-1\n":               "field cores",
		"time,cores\n1,NaN\n":              "field cores",
		"time,cores\n9000,1\n1,1\n":        "line 3: field time",
		"time,cores\n0,1\n90000000000,1\n": "line 3: field time",
	} {
		if _, err := readSeries(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want it to say %q", text, err, want)
		}
	}
}

// FuzzReadSeries: whatever is read has no value that is no amount of CPU, and is no longer than a year.
func FuzzReadSeries(f *testing.F) {
	for _, text := range []string{"time,cores\n0,1\n300,2\n", "time,cores\n2026-03-01T00:01:00Z,1e3\n", "time,cores\n-1,0\n", "time,cores\n1e10,1\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readSeries(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(s.CPU) > mostSteps {
			t.Errorf("%d steps", len(s.CPU))
		}
		for _, cpu := range s.CPU {
			if cpu < -1 || cpu > 1e12 {
				t.Errorf("%d millicores", cpu)
			}
		}
	})
}
