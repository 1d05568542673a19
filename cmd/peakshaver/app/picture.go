package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/preview"
	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
	"github.com/evenkeel/evenkeel/simulator/shaving"
)

// mostRows bounds the changes that the page lists.
const mostRows = 500

// document shows what policies will do, and what they would have done to a week, if that is known.
func document(changes []preview.Change, week *week, from, to time.Time, location *time.Location) *report.Document {
	d := &report.Document{
		Title:   "Peak shaving",
		Summary: "What peak policies will do, asked of the decisions that the controller makes.",
		Facts: []report.Fact{
			{Label: "From", Value: from.In(location).Format(time.RFC1123)}, {Label: "To", Value: to.In(location).Format(time.RFC1123)},
		},
		Sections: []report.Section{{Title: "What policies will do", Blocks: []report.Block{changed(changes, from, to), listed(changes, location)}}},
	}
	if week != nil {
		d.Summary += "\n\n" + week.summary()
		d.Sections = append([]report.Section{week.section()}, d.Sections...)
	}
	return d
}

// changed draws how many objects each policy has changed.
func changed(changes []preview.Change, from, to time.Time) plot.Lines {
	days := func(t time.Time) float64 { return t.Sub(from).Hours() / hoursADay }
	by, counts := map[string][]string{}, map[string]int{}
	series := map[string]*plot.Series{}
	point := func(policy string, at time.Time) {
		s := series[policy]
		if s == nil {
			s = &plot.Series{Name: policy, X: []float64{0}, Y: []float64{0}}
			series[policy] = s
		}
		s.X, s.Y = append(s.X, days(at)), append(s.Y, float64(counts[policy]))
	}
	count := func(policies []string, at time.Time, step int) {
		for _, policy := range policies {
			point(policy, at)
			counts[policy] += step
			point(policy, at)
		}
	}
	for i := range changes {
		c := &changes[i]
		object := string(c.Kind) + "/" + c.Object
		count(by[object], c.At, -1)
		count(c.By, c.At, 1)
		by[object] = c.By
	}
	lines := plot.Lines{Title: "Objects that are not as their owners made them, by policy", XLabel: "days from the beginning", YLabel: "objects"}
	for _, policy := range slices.Sorted(maps.Keys(series)) {
		point(policy, to)
		lines.Series = append(lines.Series, *series[policy])
	}
	return lines
}

func listed(changes []preview.Change, location *time.Location) report.Table {
	table := report.Table{Caption: "Changes", Columns: []report.Column{
		{Name: "When"}, {Name: "Kind"}, {Name: "Object"}, {Name: "From"}, {Name: "To"}, {Name: "By"},
	}}
	for i := range changes[:min(len(changes), mostRows)] {
		c := &changes[i]
		table.Rows = append(table.Rows, []string{
			c.At.In(location).Format("Mon 2006-01-02 15:04:05 MST"), string(c.Kind), c.Object, c.From, c.To, strings.Join(c.By, ", "),
		})
	}
	if beyond := len(changes) - mostRows; beyond > 0 {
		table.Rows = append(table.Rows, []string{fmt.Sprintf("and %d more", beyond)})
	}
	return table
}

// summary of a week in a sentence or two.
func (w *week) summary() string {
	without, with := peak(&w.without), peak(&w.with)
	text := fmt.Sprintf("Last week, 1 %% of the time more than %.1f cores were used; with these policies it would have been %.1f (%+.1f %%). ",
		without, with, 100*(with/without-1))
	if w.jobs == 0 {
		return text + "No Job that policies with a ceiling would have put off is known to have run in it: nothing else is replayed."
	}
	return text + fmt.Sprintf("%d Jobs are replayed, of which %d would have missed their deadlines and %d would not have ended in the week.",
		w.jobs, w.with.Missed, w.with.Undone)
}

func peak(r *shaving.Result) float64 { return float64(shaving.Peak(r.Load.CPU, 1)) / 1000 }

func (w *week) section() report.Section {
	lines := plot.Lines{Title: "CPU used: the highest of each hour", XLabel: "days of last week", YLabel: "cores"}
	for _, of := range []struct {
		name   string
		result *shaving.Result
	}{{"as it was", &w.without}, {"with the policies", &w.with}} {
		s := plot.Series{Name: of.name}
		load := of.result.Load
		for hour := range slices.Chunk(load.CPU, int(time.Hour/load.Step)) {
			s.X = append(s.X, float64(len(s.X))/hoursADay)
			s.Y = append(s.Y, float64(slices.Max(hour))/1000)
		}
		lines.Series = append(lines.Series, s)
	}
	return report.Section{
		Title: "Last week again", Blocks: []report.Block{lines},
		Text: "The load was measured. What finished Jobs used while they ran (what they requested, where that is not known) is taken out " +
			"of it and played again, with forecasts from what was known at each moment.",
	}
}
