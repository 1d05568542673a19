package capacity

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Risk is the chance, at most, that the plan breaks an objective with a seed that was not tried, at a
// level of 95 %: where none of n broke it, 1 − 0.05^(1/n), which is nearly 3/n.
func (p *Plan) Risk() float64 {
	return 1 - math.Pow(0.05, 1/float64(len(p.Outcomes)))
}

// Binding is the resource of which the largest part is requested, on average over the seeds.
func (p *Plan) Binding() (name v1.ResourceName, part float64) {
	sums := map[v1.ResourceName]float64{}
	for _, o := range p.Outcomes {
		for resource, requested := range o.Requested {
			sums[resource] += requested / float64(len(p.Outcomes))
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(sums)) {
		if sums[resource] > part {
			name, part = resource, sums[resource]
		}
	}
	return name, part
}

// Document reports a plan.
func (s *Search) Document(p *Plan) *report.Document {
	binding, part := p.Binding()
	d := &report.Document{
		Title: "Capacity",
		Summary: fmt.Sprintf("%s, at a price of %s, keep the objectives with all %d seeds tried; with another seed they break with a "+
			"chance of at most %.0f %% (at a level of 95 %%). %s binds: %.0f %% of it is requested at the fullest moment.",
			s.describe(p.Mix), price(p.Mix.Price(s.Shapes)), len(s.Seeds), 100*p.Risk(), resourceName(binding), 100*part),
		Facts: []report.Fact{
			{Label: "Seeds", Value: strconv.Itoa(len(s.Seeds))}, {Label: "Mixes tried", Value: strconv.Itoa(p.Trials)},
		},
	}
	d.Sections = []report.Section{
		{Title: "What to buy", Blocks: []report.Block{s.mixTable(p)}},
		{Title: "How full it is", Blocks: []report.Block{s.fullness(p)}},
		{Title: "With one node less", Text: "What breaks, and what those who wait are told.", Blocks: []report.Block{s.fewerTable(p)}},
	}
	return d
}

func price(of float64) string { return strconv.FormatFloat(of, 'g', 6, 64) }

func resourceName(name v1.ResourceName) string {
	switch name {
	case v1.ResourceCPU:
		return "CPU"
	case v1.ResourceMemory:
		return "Memory"
	case trace.GPU:
		return "GPU"
	default:
		return string(name)
	}
}

func (s *Search) mixTable(p *Plan) report.Table {
	t := report.Table{
		Caption: "Nodes by shape",
		Columns: []report.Column{
			{Name: "Shape"}, {Name: "CPU", Align: report.Right}, {Name: "Memory", Align: report.Right}, {Name: "GPUs", Align: report.Right},
			{Name: "Nodes", Align: report.Right}, {Name: "Price", Align: report.Right},
		},
	}
	for i, count := range p.Mix {
		shape := &s.Shapes[i]
		t.Rows = append(t.Rows, []string{
			shape.Name, shape.CPU.String(), shape.Memory.String(), strconv.FormatInt(shape.GPUs, 10),
			strconv.Itoa(count), price(float64(count) * shape.Price),
		})
	}
	t.Rows = append(t.Rows, []string{"all", "", "", "", strconv.Itoa(len(p.Mix.nodes(s.Shapes))), price(p.Mix.Price(s.Shapes))})
	return t
}

func (*Search) fullness(p *Plan) plot.Bars {
	b := plot.Bars{Title: "Requested at the fullest moment", Label: "of what there is (%)"}
	sum := plot.BarSeries{Name: "mean of the seeds"}
	for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory, trace.GPU} {
		mean := 0.0
		for _, o := range p.Outcomes {
			mean += 100 * o.Requested[name] / float64(len(p.Outcomes))
		}
		b.Groups = append(b.Groups, resourceName(name))
		sum.Values = append(sum.Values, mean)
	}
	b.Series = []plot.BarSeries{sum}
	return b
}

func (*Search) fewerTable(p *Plan) report.Table {
	t := report.Table{
		Caption: "One node less of a shape",
		Columns: []report.Column{
			{Name: "Shape"}, {Name: "Seeds broken", Align: report.Right}, {Name: "Pods waiting at most", Align: report.Right}, {Name: "Told most often"},
		},
	}
	for _, f := range p.Fewer {
		most, reasons := 0, map[string]int{}
		for _, o := range f.Outcomes {
			most = max(most, o.Pending)
			for reason, count := range o.Reasons {
				reasons[reason] += count
			}
		}
		t.Rows = append(t.Rows, []string{f.Shape, fmt.Sprintf("%d of %d", f.Broken, len(f.Outcomes)), strconv.Itoa(most), commonest(reasons)})
	}
	return t
}

func commonest(reasons map[string]int) string {
	if len(reasons) == 0 {
		return ""
	}
	return slices.MinFunc(slices.Collect(maps.Keys(reasons)), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), cmp.Compare(a, b))
	})
}
