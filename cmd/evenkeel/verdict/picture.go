package verdict

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/report"
)

// Picture draws each pool as a heat map, a row a node and a column a moment, so
// that hot nodes show as red. format is "png" or "svg".
func (r *Result) Picture(w io.Writer, format string) error {
	plots := make([]*plot.Plot, 0, len(r.Names))
	for _, name := range r.Names {
		plots = append(plots, r.heatMap(name))
	}
	return report.Picture(w, format, plots)
}

func (r *Result) heatMap(name string) *plot.Plot {
	v := r.Verdicts[name]
	p := report.NewPlot(fmt.Sprintf("%s: %.0f hot-node minutes, hottest node %.0f %%, p99 %.0f %%",
		name, v.HotNodeMinutes, 100*v.MaxNodeUtilisation, 100*v.P99NodeUtilisation))
	p.Y.Label.Text = "nodes, hottest on top"
	p.Y.Tick.Marker = plot.ConstantTicks{}
	grid := newGrid(r.Frames[name])
	p.Add(&plotter.HeatMap{GridXYZ: grid, Palette: heat{}, Min: 0, Max: 1.2, Overflow: heatColor(1.2), Rasterized: true})
	return p
}

// grid is a pool's frames as a heat map reads them: nodes sorted by their mean.
type grid struct {
	frames []Frame
	order  []int
}

func newGrid(frames []Frame) grid {
	nodes := 0
	for _, f := range frames {
		nodes = max(nodes, len(f.Nodes))
	}
	sums := make([]float64, nodes)
	order := make([]int, nodes)
	for i := range order {
		order[i] = i
	}
	for _, f := range frames {
		for n, u := range f.Nodes {
			sums[n] += u
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if sums[a] < sums[b] {
			return -1
		}
		return 1
	})
	return grid{frames: frames, order: order}
}

func (g grid) Dims() (columns, rows int) { return len(g.frames), len(g.order) }
func (g grid) X(column int) float64      { return g.frames[column].At.Minutes() }
func (grid) Y(row int) float64           { return float64(row) }

func (g grid) Z(column, row int) float64 {
	if n := g.order[row]; n < len(g.frames[column].Nodes) {
		return g.frames[column].Nodes[n]
	}
	return math.NaN()
}

// heat is the palette: pale when idle, green at work, red from the hot limit up.
type heat struct{}

func (heat) Colors() []color.Color {
	colors := make([]color.Color, 120)
	for i := range colors {
		colors[i] = heatColor(float64(i) / 100)
	}
	return colors
}

func heatColor(u float64) color.Color {
	switch {
	case u > HotAbove:
		depth := min((u-HotAbove)/0.4, 1)
		return color.RGBA{R: uint8(235 - 115*depth), G: uint8(70 * (1 - depth)), B: uint8(60 * (1 - depth)), A: 255}
	default:
		share := u / HotAbove
		return color.RGBA{R: uint8(240 - 170*share), G: uint8(246 - 76*share), B: uint8(240 - 130*share), A: 255}
	}
}
