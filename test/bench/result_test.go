package bench

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReportAppendsLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results")
	t.Setenv(ResultsVariable, file)
	Report(t, Result{Area: "scheduler", Name: "score_allocs", Unit: "allocations"})
	Report(t, Result{Area: "scheduler", Name: "throughput", Value: 500, Unit: "pods/s"}.Against("stock", 0.98))
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"area":"scheduler","name":"score_allocs","value":0,"unit":"allocations","peer":"","ratio":null}
{"area":"scheduler","name":"throughput","value":500,"unit":"pods/s","peer":"stock","ratio":0.98}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestAgainstLeavesTheOriginal(t *testing.T) {
	plain := Result{Name: "throughput"}
	if compared := plain.Against("stock", 1); plain.Ratio != nil || *compared.Ratio != 1 {
		t.Errorf("plain = %+v, compared = %+v", plain, compared)
	}
}

func TestMedian(t *testing.T) {
	for name, test := range map[string]struct {
		values []float64
		want   float64
	}{
		"one value":           {[]float64{7}, 7},
		"odd, not sorted":     {[]float64{9, 1, 2}, 2},
		"even: middle two":    {[]float64{4, 1, 3, 100}, 3.5},
		"an outlier is mute":  {[]float64{1, 1, 1, 1, 1000}, 1},
		"equal values remain": {[]float64{2, 2}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Median(test.values...); got != test.want {
				t.Errorf("Median(%v) = %v, want %v", test.values, got, test.want)
			}
		})
	}
}

func TestMedianKeepsItsInput(t *testing.T) {
	values := []float64{3, 1, 2}
	Median(values...)
	if diff := cmp.Diff([]float64{3, 1, 2}, values); diff != "" {
		t.Errorf("the input was sorted in place (-want +got):\n%s", diff)
	}
}
