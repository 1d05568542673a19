package plot

import (
	"fmt"
	"slices"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"github.com/evenkeel/evenkeel/simulator/report"
)

// Bars are lengths to compare, in groups: a group for each size of job, in each a bar for every policy.
// They lie on their side, so that names need no room below.
type Bars struct {
	Title  string
	Label  string // what a length is, with its unit
	Groups []string
	Series []BarSeries
}

// BarSeries is one bar in each group. A value that is not finite has no bar.
type BarSeries struct {
	Name   string
	Values []float64
}

const (
	barWidth = 9.0 // of a bar, in units of the drawing
	groupGap = 10.0
)

// Check implements report.Block.
func (b Bars) Check() error {
	for _, s := range b.Series {
		if len(s.Values) != len(b.Groups) {
			return fmt.Errorf("reading series %q of %q: %d values for %d groups", s.Name, b.Title, len(s.Values), len(b.Groups))
		}
	}
	return nil
}

// Figure implements report.Block.
func (b Bars) Figure() (report.Figure, error) {
	f := report.Figure{Title: b.Title, Numbers: b.Table()}
	for i, s := range b.Series {
		f.Legend = append(f.Legend, swatch(i, s.Name, false))
	}
	height := 36 + float64(len(b.Groups))*(float64(len(b.Series))*barWidth+groupGap)
	return drawn(f, b.plot(), vg.Length(height), fmt.Sprintf("%s: %s by group; the numbers follow.", b.Title, b.Label))
}

func (b Bars) values() []float64 {
	var values []float64
	for _, s := range b.Series {
		values = append(values, s.Values...)
	}
	return values
}

func (b Bars) plot() *gonum.Plot {
	values := b.values()
	if !slices.ContainsFunc(values, finite) {
		return nil
	}
	p := axes(b.Label, "")
	p.Add(gridLines(true, false))
	for i, s := range b.Series {
		// The first series is the topmost bar of its group, as it is the first of the legend.
		offset := vg.Length((float64(len(b.Series)-1)/2 - float64(i)) * barWidth)
		p.Add(b.bars(s, i, offset), b.lengths(s, decimals(values), offset))
	}
	p.X.AutoRescale = true
	p.Y.Min, p.Y.Max = -0.5, float64(len(b.Groups))-0.5
	p.Y.Tick.Length = 0
	p.Y.Tick.Marker = b.names()
	if p.X.Min < 0 {
		p.Add(&plotter.Line{XYs: plotter.XYs{{Y: p.Y.Min}, {Y: p.Y.Max}}, LineStyle: axisInk.line(0.6)})
	}
	return p
}

// place is the height of a group: the first is on top.
func (b Bars) place(group int) float64 { return float64(len(b.Groups) - 1 - group) }

func (b Bars) names() gonum.ConstantTicks {
	ticks := make(gonum.ConstantTicks, len(b.Groups))
	for i, name := range b.Groups {
		ticks[i] = gonum.Tick{Value: b.place(i), Label: shortened(name)}
	}
	return ticks
}

func (b Bars) bars(s BarSeries, i int, offset vg.Length) *plotter.BarChart {
	values := make(plotter.Values, len(s.Values))
	for group, v := range s.Values {
		if finite(v) {
			values[int(b.place(group))] = v
		}
	}
	return &plotter.BarChart{Values: values, Width: barWidth - 1, Color: seriesInk(i).color(), Offset: offset, Horizontal: true}
}

// lengths writes each bar's value beyond its end.
func (b Bars) lengths(s BarSeries, places int, offset vg.Length) *plotter.Labels {
	const gap = "\u00a0" // beside the value rather than an offset, which would be the same on both sides
	labels := &plotter.Labels{Offset: vg.Point{Y: offset}}
	for group, v := range s.Values {
		if !finite(v) {
			continue
		}
		style := lettering(axes("", "").Y.Tick.Label, 7.5)
		style.XAlign, style.YAlign = text.XLeft, text.YCenter
		label := gap + number(v, places)
		if v < 0 {
			style.XAlign, label = text.XRight, number(v, places)+gap
		}
		labels.XYs = append(labels.XYs, plotter.XY{X: v, Y: b.place(group)})
		labels.Labels = append(labels.Labels, label)
		labels.TextStyle = append(labels.TextStyle, style)
	}
	return labels
}

// Table implements report.Block.
func (b Bars) Table() report.Table {
	t := report.Table{Caption: captioned(b.Title, b.Label), Columns: []report.Column{{}}}
	for _, s := range b.Series {
		t.Columns = append(t.Columns, numeric(s.Name, ""))
	}
	places := decimals(b.values())
	for i, name := range b.Groups {
		row := []string{name}
		for _, s := range b.Series {
			row = append(row, number(s.Values[i], places))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
