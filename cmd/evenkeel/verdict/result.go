package verdict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Result is what a trial measured, by contender and in their order.
type Result struct {
	Names    []string
	Verdicts map[string]Verdict
	Frames   map[string][]Frame
	Length   time.Duration // of trace
}

// MarshalJSON writes one verdict a contender, in their order.
func (r *Result) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range r.Names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(r.Verdicts[name])
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Table writes the verdict for a person: a row a figure, a column a contender,
// and what the last contender changed against the first.
func (r *Result) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t")
	for _, name := range r.Names {
		fmt.Fprintf(t, "%s\t", name)
	}
	first, last := r.Verdicts[r.Names[0]], r.Verdicts[r.Names[len(r.Names)-1]]
	fmt.Fprintln(t, "change\t")
	for _, row := range []struct {
		label  string
		format string
		value  func(Verdict) float64
	}{
		{"hot-node minutes (CPU > 80 %)", "%.0f", func(v Verdict) float64 { return v.HotNodeMinutes }},
		{"hottest node", "%.0f %%", func(v Verdict) float64 { return 100 * v.MaxNodeUtilisation }},
		{"p99 node utilisation", "%.0f %%", func(v Verdict) float64 { return 100 * v.P99NodeUtilisation }},
		{"pods bound", "%.0f", func(v Verdict) float64 { return float64(v.PodsBound) }},
		{"pods pending", "%.0f", func(v Verdict) float64 { return float64(v.PodsPending) }},
	} {
		fmt.Fprintf(t, "%s\t", row.label)
		for _, name := range r.Names {
			fmt.Fprintf(t, row.format+"\t", row.value(r.Verdicts[name]))
		}
		fmt.Fprintln(t, change(row.value(first), row.value(last))+"\t")
	}
	return t.Flush()
}

// change says how far b is from a.
func change(a, b float64) string {
	if a == b {
		return "="
	}
	if a == 0 {
		return fmt.Sprintf("+%.0f", b)
	}
	return fmt.Sprintf("%+.0f %%", 100*(b-a)/a)
}
