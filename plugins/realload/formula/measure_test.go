package formula

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/internal/usage"
)

func TestMeasure(t *testing.T) {
	const now = 1_000_000
	at := func(value float64, age int64) usage.Sample { return usage.Sample{Value: value, At: now - age} }
	h := Horizon{Fresh: 1000, Expire: 2000}
	tests := map[string]struct {
		reason string
		known  [usage.Statistics]usage.Sample
		want   Measurement
	}{
		"nothing": {reason: "what was never measured is not known"},
		"no mean": {reason: "a spread about nothing says nothing", known: [usage.Statistics]usage.Sample{usage.Deviation: at(1, 0)}},
		"no number": {
			reason: "it is not known", known: [usage.Statistics]usage.Sample{usage.Mean: at(math.NaN(), 0), usage.P95: at(1, 0)},
		},
		"mean": {
			reason: "the spread is not known", known: [usage.Statistics]usage.Sample{usage.Mean: at(1.5, 0)},
			want: Measurement{Mean: 1500, At: now, Confidence: Thousand},
		},
		"all": {
			reason: "half way from fresh to expired", known: [usage.Statistics]usage.Sample{
				usage.Mean: at(1.5, 1500), usage.Deviation: at(0.2, 0), usage.P95: at(2, 0),
			},
			want: Measurement{Mean: 1500, P95: 2000, Variance: 200 * 200, HasSpread: true, At: now - 1500, Confidence: Thousand / 2},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, h.Measure(int(usage.CPU), &tc.known, now)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
