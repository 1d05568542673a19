package scaledown

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/report"
	"github.com/evenkeel/evenkeel/simulator/scaling"
)

// Result is what was measured, by contender and in their order.
type Result struct {
	Names    []string
	Verdicts map[string]Verdict
	Sizes    map[string][]Size
	Demand   *scaling.Demand
}

// MarshalJSON writes one verdict a contender, in their order.
func (r *Result) MarshalJSON() ([]byte, error) { return report.JSON(r.Names, r.Verdicts) }

// Table writes the verdict for a person.
func (r *Result) Table(w io.Writer) error {
	return report.Table(w, r.Names, r.Verdicts, []report.Row[Verdict]{
		{Label: "replica changes", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.ReplicaChanges) }},
		{Label: "direction reversals", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.Reversals) }},
		{Label: "pod-hours", Format: "%.1f", Value: func(v Verdict) float64 { return v.PodHours }},
		{Label: "served demand (pod-hours)", Format: "%.1f", Value: func(v Verdict) float64 { return v.Served }},
		{Label: "unserved demand (pod-hours)", Format: "%.2f", Value: func(v Verdict) float64 { return v.Unserved }},
		{Label: "minutes short of pods", Format: "%.1f", Value: func(v Verdict) float64 { return v.ShortMinutes }},
		{Label: "most pods", Format: "%.0f", Value: func(v Verdict) float64 { return float64(v.MostReplicas) }},
	})
}

// Picture draws for each contender the demand, as the pods that it takes, and the pods that there were.
func (r *Result) Picture(w io.Writer, format string) error {
	return report.Pictures(w, format, r.Names, r.plot)
}

func (r *Result) plot(name string) (*plot.Plot, error) {
	v := r.Verdicts[name]
	p := report.NewPlot(fmt.Sprintf("%s (%s): changes %d, reversals %d, pod-hours %.0f, unserved %.2f",
		name, v.Settings, v.ReplicaChanges, v.Reversals, v.PodHours, v.Unserved))
	p.Y.Label.Text = "pods"
	demand, err := plotter.NewLine(r.demandLine())
	if err != nil {
		return nil, err
	}
	demand.StepStyle, demand.Width = plotter.PostStep, 0
	demand.FillColor = color.RGBA{R: 246, G: 180, B: 90, A: 255}
	ready, err := plotter.NewLine(r.readyLine(name))
	if err != nil {
		return nil, err
	}
	ready.StepStyle, ready.Width = plotter.PostStep, vg.Points(1.5)
	ready.Color = color.RGBA{R: 20, G: 90, B: 160, A: 255}
	p.Add(demand, ready)
	p.Legend.Add("demand", demand)
	p.Legend.Add("ready pods", ready)
	p.Legend.Top = true
	p.Legend.TextStyle.Font.Variant = "Sans"
	p.Y.Min, p.Y.Max = 0, r.most()*1.5 // room for the legend
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks(r.Demand.Length().Minutes(), 15), ticks(p.Y.Max, 5)
	return p, nil
}

// ticks are at most eight up to a number: at multiples of unit times a power of two.
func ticks(most, unit float64) plot.ConstantTicks {
	for most/unit > 8 {
		unit *= 2
	}
	var at plot.ConstantTicks
	for value := 0.0; value <= most; value += unit {
		at = append(at, plot.Tick{Value: value, Label: fmt.Sprint(value)})
	}
	return at
}

// demandLine has a point where the demand changes; what is not known is drawn as nothing.
func (r *Result) demandLine() plotter.XYs {
	var line plotter.XYs
	for i, asked := range r.Demand.Values {
		if math.IsNaN(asked) {
			asked = 0
		}
		line = append(line, plotter.XY{X: float64(i) * r.Demand.Step.Minutes(), Y: asked})
	}
	return append(line, plotter.XY{X: r.Demand.Length().Minutes(), Y: line[len(line)-1].Y})
}

// readyLine has a point where the number of ready pods changes.
func (r *Result) readyLine(name string) plotter.XYs {
	var line plotter.XYs
	sizes := r.Sizes[name]
	for i, s := range sizes {
		over := i+1 < len(sizes) && sizes[i+1].At <= 0
		if !over && s.At < r.Demand.Length() {
			line = append(line, plotter.XY{X: max(0, s.At.Minutes()), Y: float64(s.Ready)})
		}
	}
	return append(line, plotter.XY{X: r.Demand.Length().Minutes(), Y: line[len(line)-1].Y})
}

// most is the most pods that anybody had.
func (r *Result) most() float64 {
	most := 0.0
	for _, v := range r.Verdicts {
		most = max(most, float64(v.MostReplicas))
	}
	return most
}
