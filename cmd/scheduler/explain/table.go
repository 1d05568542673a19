package explain

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable writes a record for people to read.
func WriteTable(w io.Writer, record *Record, now time.Time) error {
	out := &table{}
	out.heading(record, now)
	out.scores(record)
	out.beliefs(record)
	out.rejections(record)
	_, err := io.WriteString(w, out.String())
	return err
}

type table struct{ strings.Builder }

func (t *table) line(format string, arguments ...any) {
	fmt.Fprintf(t, format, arguments...)
	t.WriteByte('\n')
}

// columns writes rows of tab-separated cells, aligned, under a blank line.
func (t *table) columns(rows []string) {
	t.WriteByte('\n')
	aligned := &strings.Builder{}
	w := tabwriter.NewWriter(aligned, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, row)
	}
	_ = w.Flush() // a strings.Builder takes everything
	for _, line := range strings.SplitAfter(aligned.String(), "\n") {
		t.WriteString(strings.TrimRight(line, " \n"))
		if strings.HasSuffix(line, "\n") {
			t.WriteByte('\n')
		}
	}
}

func (t *table) heading(r *Record, now time.Time) {
	pod := r.Namespace + "/" + r.Name
	switch r.Outcome {
	case Placed:
		t.line("Pod %s was placed on %s.", pod, r.Node)
	case Unschedulable:
		t.line("Pod %s fits no node.", pod)
	default:
		t.line("Pod %s could not be placed.", pod)
	}
	t.line("Profile %s, attempt %d, %s ago (%s), took %s.", r.Profile, r.Attempt,
		age(now.Sub(r.At).Seconds()), r.At.Format(time.RFC3339), milliseconds(r.TookSeconds))
	if r.ReusedFrom != "" {
		t.line("Its scores were reused from pod %s, which has the same shape and was scheduled just before.", r.ReusedFrom)
	}
	t.line("Of %d nodes %d were looked at and %d fit.", r.Nodes, r.Evaluated, r.Feasible)
	if r.NominatedNode != "" {
		t.line("Pods on %s are being evicted to make room.", r.NominatedNode)
	}
	if r.Message != "" {
		t.line("Message: %s", r.Message)
	}
}

func (t *table) scores(r *Record) {
	if len(r.Candidates) == 0 {
		return
	}
	if len(r.Candidates[0].Scores) == 0 {
		if r.ReusedFrom == "" {
			t.line("A single node was left, so nothing was scored.")
		}
		return
	}
	header := []string{"  BEST NODES", "TOTAL"}
	for _, score := range r.Candidates[0].Scores {
		header = append(header, score.Plugin)
	}
	rows := []string{strings.Join(header, "\t")}
	for i := range r.Candidates {
		candidate := &r.Candidates[i]
		row := []string{mark(r, candidate), fmt.Sprint(candidate.Total)}
		for _, score := range candidate.Scores {
			row = append(row, fmt.Sprint(score.Score))
		}
		rows = append(rows, strings.Join(row, "\t"))
	}
	t.columns(rows)
}

func (t *table) beliefs(r *Record) {
	rows := []string{"  NODE\tLOAD\tMEASURED\tAGE\tTRUST\tBELIEVED\tOF\tPOD ADDS\tBY ITS\tAT WORST\tROOM"}
	for i := range r.Candidates {
		candidate := &r.Candidates[i]
		for _, belief := range candidate.Beliefs {
			rows = append(rows, strings.Join(append([]string{mark(r, candidate)}, belief.cells()...), "\t"))
		}
	}
	if len(rows) > 1 {
		t.columns(rows)
	}
}

func (b *Belief) cells() []string {
	measured, old := "never", "-"
	if b.AgeSeconds >= 0 {
		measured, old = quantity(b.Measured, b.Unit), age(b.AgeSeconds)
	}
	capacity, worst, room := "unknown", "-", "-"
	if b.Capacity > 0 {
		capacity, worst, room = quantity(b.Capacity, b.Unit), percent(b.Worst), fmt.Sprintf("%.1fσ", b.Room)
	}
	if b.Hot {
		worst += " hot"
	}
	return []string{
		b.Dimension, measured, old, percent(b.Trust), quantity(b.Believed, b.Unit), capacity,
		quantity(b.Pod, b.Unit), b.PodFrom, worst, room,
	}
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

func (t *table) rejections(r *Record) {
	if len(r.Rejected) == 0 {
		return
	}
	rows := []string{"  FILTERED OUT\tPLUGIN\tREASON\tFOR EXAMPLE"}
	for i := range r.Rejected {
		g := &r.Rejected[i]
		rows = append(rows, fmt.Sprintf("  %d\t%s\t%s\t%s", g.Nodes, g.Plugin, g.Reason, strings.Join(g.Examples, " ")))
	}
	t.columns(rows)
}

func mark(r *Record, candidate *Candidate) string {
	if candidate.Node == r.Node {
		return "* " + candidate.Node
	}
	return "  " + candidate.Node
}

// quantity writes a value with three digits or so and its unit.
func quantity(value float64, unit string) string {
	if unit != "B" && unit != "B/s" {
		return strings.TrimSpace(fmt.Sprintf("%.2f %s", value, unit))
	}
	prefixes := []string{"", "Ki", "Mi", "Gi", "Ti", "Pi"}
	i := 0
	for value >= 1024 && i < len(prefixes)-1 {
		value /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %s%s", value, prefixes[i], unit)
}

func milliseconds(seconds float64) string {
	return fmt.Sprintf("%.1f ms", seconds*1000)
}

func age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%.0fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
