// Package report writes what a scenario measured of its contenders: as a table, as JSON and as a picture.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Row is one figure of a table.
type Row[V any] struct {
	Label  string
	Format string // as of fmt, of a float64
	Value  func(V) float64
}

// Table writes verdicts for a person: a row a figure, a column a contender, and what the last contender changed
// against the first.
func Table[V any](w io.Writer, names []string, verdicts map[string]V, rows []Row[V]) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t")
	for _, name := range names {
		fmt.Fprintf(t, "%s\t", name)
	}
	first, last := verdicts[names[0]], verdicts[names[len(names)-1]]
	fmt.Fprintln(t, "change\t")
	for _, row := range rows {
		fmt.Fprintf(t, "%s\t", row.Label)
		for _, name := range names {
			fmt.Fprintf(t, row.Format+"\t", row.Value(verdicts[name]))
		}
		fmt.Fprintln(t, change(row.Value(first), row.Value(last))+"\t")
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

// JSON is an object with a verdict for each contender, in their order.
func JSON[V any](names []string, verdicts map[string]V) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(verdicts[name])
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
