package verdict

import (
	"io"
	"time"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/report"
)

// Result is what a trial measured, by contender and in their order.
type Result struct {
	Names    []string
	Verdicts map[string]Verdict
	Frames   map[string][]Frame
	Length   time.Duration // of trace
}

// MarshalJSON writes one verdict a contender, in their order.
func (r *Result) MarshalJSON() ([]byte, error) { return report.JSON(r.Names, r.Verdicts) }

// Table writes the verdict for a person.
func (r *Result) Table(w io.Writer) error {
	return report.Table(w, r.Names, r.Verdicts, []report.Row[Verdict]{
		{Label: "hot-node minutes (CPU > 80 %)", Format: "%.0f", Value: func(v Verdict) float64 { return v.HotNodeMinutes }},
		{Label: "hottest node", Format: "%.0f %%", Value: func(v Verdict) float64 { return 100 * v.MaxNodeUtilisation }},
		{Label: "p99 node utilisation", Format: "%.0f %%", Value: func(v Verdict) float64 { return 100 * v.P99NodeUtilisation }},
		{Label: "pods bound", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.PodsBound) }},
		{Label: "pods pending", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.PodsPending) }},
	})
}
