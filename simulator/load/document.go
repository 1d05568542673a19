package load

import (
	"fmt"
	"slices"
	"strconv"

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
		{"Hot-node minutes", "", 0, func(r *Result) float64 { return r.HotNodeMinutes }},
		{"of all", "%", 2, func(r *Result) float64 { return 100 * r.HotNodeMinutes / max(r.NodeMinutes, 1) }},
		{"p99 node", "%", 1, func(r *Result) float64 { return 100 * r.P99NodeUtilisation }},
		{"Hottest node", "%", 1, func(r *Result) float64 { return 100 * r.MaxNodeUtilisation }},
		{"Violations", "%", 2, func(r *Result) float64 { return 100 * r.OracleViolations }},
		{"CPU served", "%", 2, func(r *Result) float64 { return 100 * r.UsableCPUShare }},
		{"Pods pending", "", 1, func(r *Result) float64 { return float64(r.PodsPending) }},
		{"Burst share", "", 2, func(r *Result) float64 { return r.BurstMaxShare }},
	}
}

// heatMaps draws the nodes of each policy's first run that kept them.
func heatMaps(order []string, by map[string][]*Result, hot float64) []report.Block {
	var blocks []report.Block
	for _, name := range order {
		if r := by[name][0]; r.Heat != nil {
			blocks = append(blocks, plot.HeatMap{
				Title: fmt.Sprintf("CPU of each node, %s, seed %d", name, r.Seed), Rows: r.Heat.Nodes, X: r.Heat.Hours, Z: r.Heat.Rows, Hot: hot,
			})
		}
	}
	return blocks
}

// Document reports results, each policy by the mean over its seeds. Nodes are drawn as hot above a part of their CPU.
func Document(results []*Result, hotAbove float64) *report.Document {
	table := report.Table{Caption: "Mean of the seeds", Columns: []report.Column{{Name: "Policy"}}}
	for _, c := range columns() {
		table.Columns = append(table.Columns, report.Column{Name: c.name, Unit: c.unit, Align: report.Right})
	}
	hot := plot.BarSeries{Name: "hot-node minutes"}
	bars := plot.Bars{Title: "Minutes that nodes were hot", Label: "over all nodes (min)"}
	var order []string
	by := map[string][]*Result{}
	for _, r := range results {
		if !slices.Contains(order, r.Policy) {
			order = append(order, r.Policy)
		}
		by[r.Policy] = append(by[r.Policy], r)
	}
	for _, name := range order {
		row := []string{name}
		for _, c := range columns() {
			row = append(row, strconv.FormatFloat(mean(by[name], c.of), 'f', c.digits, 64))
		}
		table.Rows = append(table.Rows, row)
		bars.Groups = append(bars.Groups, name)
		hot.Values = append(hot.Values, mean(by[name], func(r *Result) float64 { return r.HotNodeMinutes }))
	}
	bars.Series = []plot.BarSeries{hot}
	sections := []report.Section{{Title: "Policies", Text: neverFitting(results), Blocks: []report.Block{table, bars}}}
	if maps := heatMaps(order, by, hotAbove); len(maps) > 0 {
		sections = append(sections, report.Section{Title: "Nodes over time", Text: "A row is a node.", Blocks: maps})
	}
	return &report.Document{
		Title: "Placement by load",
		Summary: "How hot nodes got under each policy. Requests and usage are of different traces, joined by seeded sampling: no " +
			"public trace has both. Utilisation is what pods wanted as a part of what the node has, so that it can exceed 100 %.",
		Facts:    []report.Fact{{Label: "Runs", Value: strconv.Itoa(len(results))}},
		Sections: sections,
	}
}

func mean(results []*Result, of func(*Result) float64) (sum float64) {
	for _, r := range results {
		sum += of(r) / float64(len(results))
	}
	return sum
}

func neverFitting(results []*Result) string {
	for _, r := range results {
		if r.PodsNeverFitting > 0 {
			return fmt.Sprintf("%d pods fit no node even if all were empty, the first: %v. They count as pending.", r.PodsNeverFitting, r.NeverFitting)
		}
	}
	return ""
}
