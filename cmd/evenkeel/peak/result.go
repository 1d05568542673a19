package peak

import (
	"fmt"
	"image/color"
	"io"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/report"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
)

// Result is what was measured, by contender and in their order.
type Result struct {
	Names    []string
	Verdicts map[string]Verdict
	Loads    map[string][]Load
	plan     *workload.Day
	length   time.Duration
}

// MarshalJSON writes one verdict a contender, in their order.
func (r *Result) MarshalJSON() ([]byte, error) { return report.JSON(r.Names, r.Verdicts) }

// Table writes the verdict for a person.
func (r *Result) Table(w io.Writer) error {
	return report.Table(w, r.Names, r.Verdicts, []report.Row[Verdict]{
		{Label: "p99 cluster CPU", Format: "%.1f %%", Value: func(v Verdict) float64 { return v.CPUP99 }},
		{Label: "highest", Format: "%.1f %%", Value: func(v Verdict) float64 { return v.CPUMost }},
		{Label: "mean", Format: "%.1f %%", Value: func(v Verdict) float64 { return v.CPUMean }},
		{Label: "Jobs", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.Jobs) }},
		{Label: "Jobs done", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.Done) }},
		{Label: "deadlines missed", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.Missed) }},
		{Label: "hours from creation to end", Format: "%.1f", Value: func(v Verdict) float64 { return v.Hours }},
	})
}

// Picture draws for each contender what its cluster was asked for, services below and Jobs on top.
func (r *Result) Picture(w io.Writer, format string) error {
	return report.Pictures(w, format, r.Names, r.plot)
}

func (r *Result) plot(name string) (*plot.Plot, error) {
	v := r.Verdicts[name]
	p := report.NewPlot(fmt.Sprintf("%s: p99 %.0f %%, %d of %d Jobs done, %d deadlines missed; window %s to %s",
		name, v.CPUP99, v.Done, v.Jobs, v.Missed, r.plan.At(r.plan.Open), r.plan.At(r.plan.Close)))
	p.Y.Label.Text = "% of CPU"
	p.X.Label.Text = "hours"
	all, err := filled(r.line(name), color.RGBA{R: 246, G: 180, B: 90, A: 255})
	if err != nil {
		return nil, err
	}
	services, err := filled(r.services(), color.RGBA{R: 150, G: 180, B: 210, A: 255})
	if err != nil {
		return nil, err
	}
	p.Add(all, services)
	for _, edge := range []time.Duration{r.plan.Open, r.plan.Close} {
		line, err := plotter.NewLine(plotter.XYs{{X: edge.Hours(), Y: 0}, {X: edge.Hours(), Y: r.most()}})
		if err != nil {
			return nil, err
		}
		line.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
		p.Add(line)
	}
	p.Legend.Add("Jobs", all)
	p.Legend.Add("services", services)
	p.Legend.Top = true
	p.X.Min, p.X.Max = 0, r.length.Hours()
	p.Y.Min, p.Y.Max = 0, r.most()*1.2 // room for the legend
	return p, nil
}

func filled(points plotter.XYs, with color.Color) (*plotter.Line, error) {
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	line.Width, line.FillColor = 0, with
	return line, nil
}

func (r *Result) line(name string) plotter.XYs {
	line := plotter.XYs{{}}
	for _, load := range r.Loads[name] {
		line = append(line, plotter.XY{X: load.At.Hours(), Y: 100 * load.Cores / r.plan.Capacity})
	}
	return line
}

// services are what is asked for without any Job.
func (r *Result) services() plotter.XYs {
	const step = 5 * time.Minute
	line := plotter.XYs{{}}
	for at := time.Duration(0); at < r.length; at += step {
		line = append(line, plotter.XY{X: (at + step).Hours(), Y: 100 * r.plan.Asked(at, at+step) / r.plan.Capacity})
	}
	return line
}

// most is the highest load that anybody had.
func (r *Result) most() float64 {
	most := 0.0
	for _, v := range r.Verdicts {
		most = max(most, v.CPUMost)
	}
	return most
}
