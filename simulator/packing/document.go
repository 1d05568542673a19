package packing

import (
	"fmt"
	"math"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/internal/frag"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation/ledger"
	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// milestones are the percents of GPUs asked for that tables tell of.
var milestones = []int{80, 90, 95, 100, 130}

// Document reports results, which are those of the experiment, in its order.
func Document(e *Experiment, results []*Result) *report.Document {
	d := &report.Document{
		Title: "Packing",
		Summary: "How much of the GPUs is allocated when pods come until they ask for more than there is, none goes, " +
			"and none that was turned away is tried again.",
		Facts: []report.Fact{
			{Label: "Seeds", Value: strconv.Itoa(len(e.Seeds))},
			{Label: "Asked for", Value: fmt.Sprintf("%g times all GPUs", e.Tune)},
		},
	}
	perList := len(e.Policies) * len(e.Seeds)
	for i := range e.Lists {
		d.Sections = append(d.Sections, e.section(&e.Lists[i], results[i*perList:(i+1)*perList]))
	}
	return d
}

func (e *Experiment) section(list *List, results []*Result) report.Section {
	bound := 100 * Bound(list.Pods)
	table := report.Table{
		Caption: fmt.Sprintf("GPUs allocated (%%), mean of %d seeds, by GPUs asked for", len(e.Seeds)),
		Columns: []report.Column{{Name: "Policy"}},
	}
	for _, percent := range milestones {
		table.Columns = append(table.Columns, report.Column{Name: fmt.Sprintf("at %d", percent), Unit: "%", Align: report.Right})
	}
	lines := plot.Lines{
		Title: "GPUs allocated as pods come", XLabel: "GPUs asked for (%)", YLabel: "GPUs allocated (%)",
		Band: "lowest to highest of the seeds", YMin: new(70.0), YMax: new(100.0),
		References: []plot.Reference{{Name: "all that is asked for", Slope: 1}, {Name: "bound", At: bound}},
	}
	rejected := plot.Bars{Title: "Pods turned away, by what they ask for", Label: "of those that came (%)"}
	for _, size := range Sizes() {
		rejected.Groups = append(rejected.Groups, string(size))
	}
	for i, name := range e.Policies {
		runs := results[i*len(e.Seeds) : (i+1)*len(e.Seeds)]
		row := []string{name}
		for _, percent := range milestones {
			mean, _, _ := over(runs, percent)
			row = append(row, strconv.FormatFloat(mean, 'f', 2, 64))
		}
		table.Rows = append(table.Rows, row)
		lines.Series = append(lines.Series, curve(name, runs))
		rejected.Series = append(rejected.Series, turnedAway(name, runs))
	}
	return report.Section{
		Title: list.Name,
		Text: fmt.Sprintf("Nobody, not even who knew all that is to come, could place every pod beyond %.2f %%: "+
			"how the shares asked for cut a GPU leaves the rest idle.", bound),
		Blocks: []report.Block{table, lines, rejected},
	}
}

// over is the mean, the lowest and the highest of runs at a percent of arrivals.
func over(runs []*Result, percent int) (mean, low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, r := range runs {
		v := r.Allocated[percent]
		mean += v / float64(len(runs))
		low, high = min(low, v), max(high, v)
	}
	return mean, low, high
}

func curve(name string, runs []*Result) plot.Series {
	s := plot.Series{Name: name}
	for percent := range Percents {
		mean, low, high := over(runs, percent)
		if math.IsNaN(mean) || percent < 70 {
			continue // below that, everybody places everything
		}
		s.X, s.Y = append(s.X, float64(percent)), append(s.Y, mean)
		s.Low, s.High = append(s.Low, low), append(s.High, high)
	}
	return s
}

func turnedAway(name string, runs []*Result) plot.BarSeries {
	s := plot.BarSeries{Name: name}
	for _, size := range Sizes() {
		var rejected, arrived int
		for _, r := range runs {
			rejected += r.Rejected[size]
			arrived += r.Arrived[size]
		}
		s.Values = append(s.Values, 100*float64(rejected)/float64(max(arrived, 1)))
	}
	return s
}

// Bound is the largest part of all GPUs that can be allocated before a pod of the list has to be turned away,
// whatever the scheduler: see frag.Bound.
func Bound(pods []*v1.Pod) float64 {
	l := ledger.New(ledger.Format{Device: trace.GPU, Share: trace.GPUMilli, ModelLabel: trace.LabelGPUModel}, time.Hour)
	l.Tell(pods)
	return frag.Bound(l.Demand(time.Time{}))
}

// Check refuses an experiment that could tell nothing.
func (e *Experiment) Check() error {
	if offered(e.Nodes) == 0 {
		return fmt.Errorf("the nodes have no GPUs: packing measures how many of them are allocated")
	}
	for i := range e.Lists {
		asked := int64(0)
		for _, pod := range e.Lists[i].Pods {
			asked += trace.PodGPUMilli(pod)
		}
		if asked == 0 {
			return fmt.Errorf("the pods of list %q ask for no GPUs: packing measures how many of them are allocated", e.Lists[i].Name)
		}
	}
	return nil
}
