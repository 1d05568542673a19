package explain

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Print writes an explanation for people: what is told of each metric, what comes of it, why there are not fewer.
func (e *Explanation) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s scales %s: %d replicas, %d ready, from %d to %d; tolerance %g down, %g up (%s)\n\n",
		e.Autoscaler, e.Target, e.Replicas, e.Ready, e.Min, e.Max, e.ToleranceDown, e.ToleranceUp, stamp(e.At))
	e.table(&b)
	e.windows(&b)
	fmt.Fprintf(&b, "\n%s\n", e.verdict())
	e.reasons(&b)
	e.conditions(&b)
	for _, unknown := range e.Unknown {
		fmt.Fprintf(&b, "Not known: %s\n", unknown)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("printing the explanation: %w", err)
	}
	return nil
}

func (e *Explanation) table(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "METRIC\tTARGET\tTOTAL\tVALUES\tAGE\tUSAGE/TARGET\tASKS FOR")
	for i := range e.Metrics {
		m := &e.Metrics[i]
		if m.Asks == nil {
			fmt.Fprintf(table, "%s\t%s\t%s\n", m.Name, orDash(m.Target), "error: "+m.Error)
			continue
		}
		values := fmt.Sprint(m.Values)
		if m.Missing > 0 {
			values += fmt.Sprintf(" (%d missing)", m.Missing)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%.3f\t%d\n", m.Name, orDash(m.Target), text(m.Total), values, e.age(m.Oldest), m.Ratio, *m.Asks)
	}
	_ = table.Flush() // it writes to memory
}

// windows tells what stands behind the values.
func (e *Explanation) windows(w io.Writer) {
	for i := range e.Metrics {
		win := e.Metrics[i].Window
		if win == nil {
			continue
		}
		fmt.Fprintf(w, "\n%s is told by ScalingWindow %s", e.Metrics[i].Name, win.Name)
		if !win.Written.IsZero() {
			fmt.Fprintf(w, " (its status is %s old)", e.age(win.Written))
		}
		fmt.Fprintln(w)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		if win.Demand != nil {
			fmt.Fprintf(table, "  demand\t%s\t%s\n", text(win.Demand), asksFor(win.DemandAsks))
		}
		if win.Served != nil {
			fmt.Fprintf(table, "  served\t%s\t\n", text(win.Served))
		}
		if h := win.HeldBy; h != nil {
			until := "until demand falls"
			if win.Until != nil {
				until = "until " + e.when(win.Until.Time)
			}
			fmt.Fprintf(table, "  held by\t%s\tof %s, by its %s, %s\n", h.Value.String(), stamp(h.Time.Time), h.Part, until)
		}
		_ = table.Flush() // it writes to memory
		for _, c := range win.Faults {
			fmt.Fprintf(w, "  %s=%s, %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
}

func asksFor(n *int32) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf("asks for %d", *n)
}

func text(q *resource.Quantity) string {
	if q == nil {
		return "-"
	}
	return q.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// verdict is what comes next.
func (e *Explanation) verdict() string {
	switch {
	case e.Next > e.Replicas:
		return fmt.Sprintf("It goes up to %d.", e.Next)
	case e.Next < e.Replicas && len(e.Holds) > 0:
		return fmt.Sprintf("It goes down to %d, and no further yet:", e.Next)
	case e.Next < e.Replicas:
		return fmt.Sprintf("It goes down to %d.", e.Next)
	case e.Falls.IsZero():
		return fmt.Sprintf("It stays at %d, because:", e.Replicas)
	default:
		return fmt.Sprintf("It stays at %d, and goes down about %s if demand stays as it is, because:", e.Replicas, e.when(e.Falls))
	}
}

func (e *Explanation) reasons(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, h := range e.Holds {
		until := ""
		if !h.Until.IsZero() {
			until = ", until " + e.when(h.Until)
		}
		fmt.Fprintf(table, "  %s\t%s%s\n", h.Reason, h.Message, until)
	}
	_ = table.Flush() // it writes to memory
}

// conditions are what the autoscaler says itself.
func (e *Explanation) conditions(w io.Writer) {
	if len(e.Conditions) == 0 {
		fmt.Fprintf(w, "\nThe autoscaler itself says nothing: its controller has not looked at it yet.\n")
		return
	}
	fmt.Fprintf(w, "\nThe autoscaler itself says:\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range e.Conditions {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	_ = table.Flush() // it writes to memory
}

// age is how old something is, as kubectl has it.
func (e *Explanation) age(at time.Time) string { return duration.HumanDuration(e.At.Sub(at)) }

// when is a time, and how far away it is.
func (e *Explanation) when(at time.Time) string {
	return fmt.Sprintf("%s (in %s)", stamp(at), duration.HumanDuration(max(0, at.Sub(e.At))))
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05Z") }
