package verdict

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Picture draws each pool as a heat map, a row a node and a column a moment, so
// that hot nodes show as red. format is "png" or "svg".
func (r *Result) Picture(w io.Writer, format string) error {
	const width, rowHeight = 9 * vg.Inch, 2.1 * vg.Inch
	height := rowHeight*vg.Length(len(r.Names)) + 0.2*vg.Inch
	var canvas interface {
		vg.CanvasSizer
		io.WriterTo
	}
	switch format {
	case "png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(120), vgimg.UseBackgroundColor(color.White))}
	case "svg":
		canvas = vgsvg.New(width, height)
	default:
		return fmt.Errorf("drawing the result: format %q is neither png nor svg", format)
	}
	r.draw(draw.New(canvas))
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

// PictureFormat is the format that a file's name asks for.
func PictureFormat(file string) string {
	return strings.ToLower(strings.TrimPrefix(filepath.Ext(file), "."))
}

func (r *Result) draw(c draw.Canvas) {
	plots := make([][]*plot.Plot, len(r.Names))
	for i, name := range r.Names {
		plots[i] = []*plot.Plot{r.heatMap(name)}
	}
	tiles := draw.Tiles{Rows: len(r.Names), Cols: 1, PadTop: 4, PadBottom: 4, PadLeft: 4, PadRight: 12, PadY: 8}
	for i, row := range plot.Align(plots, tiles, c) {
		plots[i][0].Draw(row[0])
	}
}

func (r *Result) heatMap(name string) *plot.Plot {
	v := r.Verdicts[name]
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s: %.0f hot-node minutes, hottest node %.0f %%, p99 %.0f %%",
		name, v.HotNodeMinutes, 100*v.MaxNodeUtilisation, 100*v.P99NodeUtilisation)
	p.Title.TextStyle.Font.Variant = "Sans"
	p.Title.TextStyle.Font.Size = font.Length(11)
	p.X.Label.Text = "minutes of trace"
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
