package peak

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
)

func TestJudgeJobs(t *testing.T) {
	d := &workload.Day{Capacity: 10, Jobs: []workload.Job{
		{Name: "early", Arrives: time.Hour, Due: 5 * time.Hour},
		{Name: "late", Arrives: time.Hour, Due: 5 * time.Hour},
		{Name: "never", Arrives: time.Hour, Due: 5 * time.Hour},
		{Name: "not-due", Arrives: time.Hour, Due: 11 * time.Hour},
		{Name: "after", Arrives: 9 * time.Hour, Due: 20 * time.Hour},
	}}
	ended := map[string]time.Duration{"early": 5 * time.Hour, "late": 5*time.Hour + 1, "after": 10*time.Hour + 1}
	got := judge(d, 10*time.Hour, nil, ended)
	if diff := cmp.Diff(Verdict{Jobs: 5, Done: 2, Missed: 2, Hours: 4}, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := judge(d, 10*time.Hour, nil, nil); got.Done != 0 || got.Missed != 3 || got.Hours != 0 {
		t.Errorf("nothing was done: %+v", got)
	}
}

// TestJudgeLoad compares with a twin that has a value for each second.
func TestJudgeLoad(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		d := &workload.Day{Capacity: 50}
		var loads []Load
		var seconds []float64
		at := time.Duration(0)
		for range 1 + random.IntN(300) {
			lasts := random.IntN(40)
			at += time.Duration(lasts) * time.Second
			cores := math.Round(random.Float64() * 100)
			loads = append(loads, Load{At: at, Cores: cores})
			for range lasts {
				seconds = append(seconds, cores*2)
			}
		}
		var want Verdict
		for _, percent := range seconds {
			want.CPUMean += percent / float64(len(seconds))
			want.CPUMost = max(want.CPUMost, percent)
		}
		if slices.Sort(seconds); len(seconds) > 0 {
			want.CPUP99 = seconds[len(seconds)-1-len(seconds)/100]
		}
		got := judge(d, day, loads, nil)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Fatalf("of %d seconds (-want +got)\n%s", len(seconds), diff)
		}
	}
}

func TestResult(t *testing.T) {
	_, d := drawn(t, nil)
	r := &Result{
		Names:    []string{noPolicy, withPolicy},
		Verdicts: map[string]Verdict{noPolicy: {CPUP99: 98, CPUMost: 99, Jobs: 9, Done: 9}, withPolicy: {CPUP99: 80.5, CPUMost: 82, Jobs: 9, Done: 8, Missed: 1}},
		Loads:    map[string][]Load{noPolicy: {{At: day, Cores: 90}}, withPolicy: {{At: day / 2, Cores: 10}, {At: day, Cores: 80}}},
		plan:     d, length: day,
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"no-policy":{"cpuP99Percent":98,"cpuMostPercent":99,"cpuMeanPercent":0,"jobs":9,"jobsDone":9,"deadlinesMissed":0,"hoursToEnd":0},` +
		`"policy":{"cpuP99Percent":80.5,"cpuMostPercent":82,"cpuMeanPercent":0,"jobs":9,"jobsDone":8,"deadlinesMissed":1,"hoursToEnd":0}}`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	var table, picture bytes.Buffer
	if err := r.Table(&table); err != nil || !strings.Contains(strings.Join(strings.Fields(table.String()), " "), "p99 cluster CPU 98.0 % 80.5 % -18 %") {
		t.Errorf("%v, table:\n%s", err, table.String())
	}
	if err := r.Picture(&picture, "svg"); err != nil || !strings.Contains(picture.String(), "8 of 9 Jobs done") {
		t.Errorf("%v, picture of %d bytes", err, picture.Len())
	}
}
