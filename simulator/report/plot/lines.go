package plot

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/evenkeel/evenkeel/simulator/report"
)

// Lines are curves over a common axis.
type Lines struct {
	Title      string
	XLabel     string // with its unit, such as "requested (% of capacity)"
	YLabel     string // with its unit
	Series     []Series
	References []Reference
	Band       string   // what the bands show, such as "lowest to highest of 5 seeds"
	YMin, YMax *float64 // where the axis ends; nil fits the data
}

// Series is a curve through the points X, Y. X never falls; a Y that is not finite is a gap.
type Series struct {
	Name      string
	X, Y      []float64
	Low, High []float64 // a band around the curve, such as the range over seeds; both or neither
}

// Reference is a straight line to judge the curves by: y = At + Slope·x.
type Reference struct {
	Name      string
	At, Slope float64
}

var referenceDash = []vg.Length{1, 2}

// Check implements report.Block.
func (l Lines) Check() error {
	for _, s := range l.Series {
		if err := s.check(); err != nil {
			return fmt.Errorf("reading series %q of %q: %w", s.Name, l.Title, err)
		}
	}
	return nil
}

func (s Series) check() error {
	switch {
	case len(s.Y) != len(s.X):
		return fmt.Errorf("%d values for %d points", len(s.Y), len(s.X))
	case len(s.Low) != len(s.High):
		return fmt.Errorf("a band of %d low and %d high values", len(s.Low), len(s.High))
	case s.banded() && len(s.Low) != len(s.X):
		return fmt.Errorf("a band of %d values for %d points", len(s.Low), len(s.X))
	case slices.ContainsFunc(s.X, func(x float64) bool { return !finite(x) }):
		return errors.New("a point's place is not finite")
	case !slices.IsSorted(s.X):
		return errors.New("its points are not sorted")
	}
	return nil
}

func (s Series) banded() bool { return len(s.Low) > 0 }

// Figure implements report.Block.
func (l Lines) Figure() (report.Figure, error) {
	f := report.Figure{Title: l.Title, Legend: l.legend(), Numbers: l.numbers(true)}
	return drawn(f, l.plot(), 340, fmt.Sprintf("%s: %s against %s; the numbers follow.", l.Title, l.YLabel, l.XLabel))
}

func (l Lines) legend() []report.Key {
	var keys []report.Key
	for i, s := range l.Series {
		keys = append(keys, swatch(i, s.Name, true))
	}
	for _, r := range l.References {
		keys = append(keys, report.Key{Name: r.Name, Class: "reference", Line: true, Dash: dashArray(referenceDash)})
	}
	if l.Band != "" && slices.ContainsFunc(l.Series, Series.banded) {
		keys = append(keys, report.Key{Name: l.Band, Class: "band"})
	}
	return keys
}

// extent is where the curves with anything to draw begin and end; low is above high where there are none.
func (l Lines) extent() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range l.Series {
		for i, x := range s.X {
			if finite(s.Y[i]) {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	return low, high
}

func (l Lines) plot() *gonum.Plot {
	low, high := l.extent()
	if low > high {
		return nil
	}
	p := axes(l.XLabel, l.YLabel)
	p.Add(gridLines(true, true))
	for i, s := range l.Series {
		s.drawBand(p, i)
	}
	for _, r := range l.References {
		ends := plotter.XYs{{X: low, Y: r.At + r.Slope*low}, {X: high, Y: r.At + r.Slope*high}}
		p.Add(&plotter.Line{XYs: ends, LineStyle: axisInk.line(0.9, referenceDash...)})
	}
	for i, s := range l.Series {
		s.draw(p, i)
	}
	p.X.Min, p.X.Max = low, high
	l.fitY(p)
	return p
}

// fitY lets the axis end at a round value unless the caller has said where.
func (l Lines) fitY(p *gonum.Plot) {
	p.Y.AutoRescale = l.YMin == nil && l.YMax == nil
	if l.YMin != nil {
		p.Y.Min = *l.YMin
	}
	if l.YMax != nil {
		p.Y.Max = *l.YMax
	}
}

func (s Series) draw(p *gonum.Plot, i int) {
	style := seriesInk(i).line(1.6, seriesDash(i)...)
	for _, points := range s.runs(s.Y) {
		if len(points) == 1 {
			p.Add(&plotter.Scatter{XYs: points, GlyphStyle: draw.GlyphStyle{Color: style.Color, Radius: 2.5, Shape: draw.CircleGlyph{}}})
			continue
		}
		p.Add(&plotter.Line{XYs: points, LineStyle: style})
	}
}

func (s Series) drawBand(p *gonum.Plot, i int) {
	if !s.banded() {
		return
	}
	lows, highs := s.runs(s.Low, s.High, s.Y), s.runs(s.High, s.Low, s.Y)
	for run, ring := range lows {
		slices.Reverse(highs[run])
		p.Add(&plotter.Polygon{XYs: []plotter.XYs{append(ring, highs[run]...)}, Color: bandInk(i).color()})
	}
}

// runs are the stretches of a curve along which it and the others are finite.
func (s Series) runs(curve []float64, others ...[]float64) []plotter.XYs {
	var runs []plotter.XYs
	broken := true
	for i, x := range s.X {
		if !finite(curve[i]) || slices.ContainsFunc(others, func(other []float64) bool { return !finite(other[i]) }) {
			broken = true
			continue
		}
		if broken {
			runs, broken = append(runs, nil), false
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], plotter.XY{X: x, Y: curve[i]})
	}
	return runs
}

// Table implements report.Block: the curves without their bands, which would take more room than there is.
func (l Lines) Table() report.Table { return l.numbers(false) }

// numbers reads the curves at the marks of the axis.
func (l Lines) numbers(bands bool) report.Table {
	t := report.Table{Caption: captioned(l.Title, l.YLabel), Columns: []report.Column{numeric(l.XLabel, "")}}
	var values []float64
	for _, s := range l.Series {
		t.Columns = append(t.Columns, numeric(s.Name, ""))
		values = append(values, s.Y...)
	}
	places, marks := decimals(values), l.marks()
	for _, x := range marks {
		row := []string{number(x, decimals(marks))}
		for _, s := range l.Series {
			cell := number(s.at(s.Y, x), places)
			if bands && s.banded() && cell != noNumber {
				cell += fmt.Sprintf(" (%s to %s)", number(s.at(s.Low, x), places), number(s.at(s.High, x), places))
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// marks are the ends of the axis and the round values between them.
func (l Lines) marks() []float64 {
	low, high := l.extent()
	if low > high {
		return nil
	}
	marks := []float64{low}
	for _, tick := range (roundTicks{}).Ticks(low, high) {
		if tick.Value > low && tick.Value < high {
			marks = append(marks, tick.Value)
		}
	}
	return slices.Compact(append(marks, high))
}

// at is the curve's value over x, on the straight line between its neighbours; NaN where there is no curve.
func (s Series) at(curve []float64, x float64) float64 {
	i := sort.SearchFloat64s(s.X, x)
	switch {
	case i == len(s.X):
		return math.NaN()
	case s.X[i] == x:
		return curve[i]
	case i == 0:
		return math.NaN()
	}
	share := (x - s.X[i-1]) / (s.X[i] - s.X[i-1])
	return curve[i-1] + share*(curve[i]-curve[i-1])
}
