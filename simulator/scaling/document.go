package scaling

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
)

// column is one number of the report.
type column struct {
	name, unit string
	digits     int
	of         func(*Result) float64
}

func columns() []column {
	return []column{
		{"Changes", "", 0, func(r *Result) float64 { return float64(r.Changes) }},
		{"Reversals", "", 0, func(r *Result) float64 { return float64(r.Reversals) }},
		{"Pod-hours", "", 0, func(r *Result) float64 { return r.PodHours }},
		{"Unserved", "%", 2, func(r *Result) float64 { return 100 * (1 - r.Served) }},
		{"Short", "min", 0, func(r *Result) float64 { return r.ShortMinutes }},
		{"Most pods", "", 0, func(r *Result) float64 { return float64(r.Most) }},
		{"Target", "%", 0, func(r *Result) float64 { return 100 * r.Target }},
	}
}

// Document reports results.
func Document(o *Options, results []*Result) *report.Document {
	table := report.Table{Caption: "Policies", Columns: []report.Column{{Name: "Policy"}}}
	for _, c := range columns() {
		table.Columns = append(table.Columns, report.Column{Name: c.name, Unit: c.unit, Align: report.Right})
	}
	note := ""
	for _, r := range results {
		row := []string{r.Policy}
		for _, c := range columns() {
			row = append(row, strconv.FormatFloat(c.of(r), 'f', c.digits, 64))
		}
		table.Rows = append(table.Rows, row)
		if !r.Reached {
			note = "Where more is unserved than asked for, no target was low enough."
		}
	}
	d := &report.Document{
		Title:   "Scaling",
		Summary: summary(o),
		Facts: []report.Fact{
			{Label: "Demand", Value: o.Demand.Name},
			{Label: "Played", Value: fmt.Sprintf("%s in loops of %s", hours(o.Demand.Length()), o.Loop)},
			{Label: "Seen after", Value: o.Delay.String()},
			{Label: "Pods serve after", Value: o.StartUp.String()},
			{Label: "Most pods", Value: strconv.Itoa(int(o.Max))},
			{Label: "Controller restarts", Value: restarts(o.Restart)},
		},
		Sections: []report.Section{{Title: "Policies", Text: note, Blocks: []report.Block{table}}},
	}
	if len(results) > 0 && results[0].Curves != nil {
		d.Sections = append(d.Sections, drawings(results)...)
	}
	return d
}

func restarts(every time.Duration) string {
	if every == 0 {
		return "none"
	}
	return "every " + hours(every)
}

func hours(d time.Duration) string { return fmt.Sprintf("%g hours", d.Hours()) }

func summary(o *Options) string {
	text := "One demand under each policy: how often the size changed and turned around, how much ran, what was not served. " +
		"Demand is in pods: 1 is all that one can do. "
	if o.Served > 0 {
		return text + fmt.Sprintf("Each policy aims at the highest part of a pod, up to %g %%, with which it serves %g %% of the demand.",
			100*o.Target, 100*o.Served)
	}
	return text + fmt.Sprintf("All aim at %g %% of a pod.", 100*o.Target)
}

// day is what the closer look has of each curve.
const day = 24.0

func drawings(results []*Result) []report.Section {
	closer := plot.Lines{Title: "Around the highest demand", XLabel: "hours", YLabel: "pods"}
	whole := report.Section{Title: "Demand and capacity", Text: "The highest of each stretch is drawn, so that no spike is lost."}
	from := around(results[0].Curves)
	for i, r := range results {
		c := r.Curves
		demand := thinned("demand", c.Hours, c.Demand, c.Hours[0], math.Inf(1))
		whole.Blocks = append(whole.Blocks, plot.Lines{
			Title: r.Policy, XLabel: "hours", YLabel: "pods",
			Series: []plot.Series{demand, thinned("capacity", c.Hours, c.Capacity, c.Hours[0], math.Inf(1))},
		})
		if i == 0 {
			closer.Series = append(closer.Series, thinned("demand", c.Hours, c.Demand, from, from+day))
		}
		closer.Series = append(closer.Series, thinned(r.Policy, c.Hours, c.Capacity, from, from+day))
	}
	return []report.Section{{Title: "A day", Blocks: []report.Block{closer}}, whole}
}

// around is where a day begins that has the highest demand in its middle, as far as there is so much before it.
func around(c *Curve) float64 {
	highest := 0
	for i, demand := range c.Demand {
		if demand > c.Demand[highest] || math.IsNaN(c.Demand[highest]) {
			highest = i
		}
	}
	return max(c.Hours[0], c.Hours[highest]-day/2)
}

// thinned draws a curve from one hour to another, in stretches of which it has the highest value: at most so many.
func thinned(name string, hours, values []float64, from, to float64) plot.Series {
	const most = 1000
	s := plot.Series{Name: name}
	var inside int
	for _, hour := range hours {
		if hour >= from && hour < to {
			inside++
		}
	}
	each := max(1, (inside+most-1)/most)
	count := 0
	for i, hour := range hours {
		if hour < from || hour >= to {
			continue
		}
		if last := len(s.Y) - 1; count%each == 0 {
			s.X, s.Y = append(s.X, hour), append(s.Y, values[i])
		} else if values[i] > s.Y[last] || math.IsNaN(s.Y[last]) {
			s.Y[last] = values[i]
		}
		count++
	}
	return s
}
