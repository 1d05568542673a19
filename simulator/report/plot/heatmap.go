package plot

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"slices"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/evenkeel/evenkeel/simulator/report"
)

// HeatMap is the utilisation of many nodes over time: a row a node, a column a moment.
type HeatMap struct {
	Title string
	Rows  []string    // the nodes' names, the first on top
	X     []float64   // when each moment begins, in hours, rising; it lasts until the next
	Z     [][]float32 // by row and moment, 1 is all that there is; NaN where nothing is known
	Hot   float64     // above this a node is hot; above 0
}

const (
	// A page, and a screen at least 760 wide, gives each of this many cells a pixel or more: in a
	// picture that has to shrink, a hot cell could vanish.
	maxCellRows    = 200
	maxCellColumns = 600
	maxHeight      = 320 // of all rows, in units of the drawing
	// hottestRows is how many nodes the table has.
	hottestRows = 10
)

// Check implements report.Block.
func (h HeatMap) Check() error {
	if !finite(h.Hot) || h.Hot <= 0 {
		return fmt.Errorf("reading heat map %q: hot above %v, which is no positive number", h.Title, h.Hot)
	}
	if len(h.Z) != len(h.Rows) {
		return fmt.Errorf("reading heat map %q: %d rows of values for %d names", h.Title, len(h.Z), len(h.Rows))
	}
	for i, row := range h.Z {
		if len(row) != len(h.X) {
			return fmt.Errorf("reading heat map %q: %d values of %q for %d moments", h.Title, len(row), h.Rows[i], len(h.X))
		}
	}
	for i := range h.X {
		if !finite(h.X[i]) || i > 0 && h.X[i] <= h.X[i-1] {
			return fmt.Errorf("reading heat map %q: moment %d is not after the one before", h.Title, i)
		}
	}
	return nil
}

// Figure implements report.Block.
func (h HeatMap) Figure() (report.Figure, error) {
	f := report.Figure{Title: h.Title, Legend: h.legend(), Numbers: h.Table()}
	if len(h.Rows) == 0 || len(h.X) == 0 {
		return drawn(f, nil, 0, "")
	}
	cells := bin(h.X, h.Z, maxCellRows, maxCellColumns)
	f.Note = h.note(cells)
	height := min(max(10*cells.rows, 60), maxHeight) + 36
	return drawn(f, h.plot(cells), vg.Length(height), fmt.Sprintf("%s: utilisation of each node over time. %s", h.Title, f.Note))
}

func (h HeatMap) legend() []report.Key {
	const smooth, box = 12, 2
	return []report.Key{
		{Name: "0 to " + percent(h.Hot), Shades: shades(smooth, coolStops...)},
		{Name: fmt.Sprintf("hot: above %s, to %s and more", percent(h.Hot), percent(hottest*h.Hot)), Shades: shades(smooth, hotStops...)},
		{Name: "no data", Shades: shades(box, unknownColor, unknownColor)},
	}
}

// note says how much is shown and, where cells stand for several values, which of them they show.
func (h HeatMap) note(g grid) string {
	note := fmt.Sprintf("%s nodes over %s moments; %s hot at some time.", count(len(h.Rows)), count(len(h.X)), count(h.everHot()))
	if g.rows == len(h.Rows) && g.columns >= len(h.X) {
		return note
	}
	return note + fmt.Sprintf(" Each cell shows the highest value of about %d nodes by %.0f moments: no average hides a hot node.",
		g.perRow, math.Ceil(float64(len(h.X))/float64(g.columns)))
}

func (h HeatMap) everHot() int {
	n := 0
	for _, row := range h.Z {
		if slices.ContainsFunc(row, h.isHot) {
			n++
		}
	}
	return n
}

// isHot compares as the values are stored: what is at the limit, such as 0.8, is not above it.
func (h HeatMap) isHot(v float32) bool { return v > float32(h.Hot) }

func (h HeatMap) plot(g grid) *gonum.Plot {
	p := axes("hours", "nodes")
	p.X.Tick.Marker = hourTicks{}
	p.Y.Tick.Marker = h.rowTicks()
	// The last row of cells may stand for fewer nodes than the others; it is as high as they are.
	bottom := float64(len(h.Rows) - g.rows*g.perRow)
	p.Add(plotter.NewImage(h.picture(g), g.start, bottom, g.end, float64(len(h.Rows))))
	return p
}

// picture has a pixel a cell.
func (h HeatMap) picture(g grid) image.Image {
	picture := image.NewPaletted(image.Rect(0, 0, g.columns, g.rows), heatPalette())
	for i, v := range g.cells {
		picture.Pix[i] = heatIndex(float64(v), float64(float32(h.Hot)))
	}
	return picture
}

// rowTicks are the nodes' names while there is room for them, otherwise their numbers from the top.
func (h HeatMap) rowTicks() gonum.ConstantTicks {
	const named = 30
	n := float64(len(h.Rows))
	var ticks gonum.ConstantTicks
	if len(h.Rows) > named {
		for _, tick := range (roundTicks{}).Ticks(0, n) {
			ticks = append(ticks, gonum.Tick{Value: n - tick.Value, Label: tick.Label})
		}
		return ticks
	}
	for i, name := range h.Rows {
		ticks = append(ticks, gonum.Tick{Value: n - float64(i) - 0.5, Label: shortened(name)})
	}
	return ticks
}

// rowHeat is what the table says of a node.
type rowHeat struct {
	name          string
	highest, mean float64 // NaN without data
	hot, known    int     // moments
}

func (h HeatMap) heatOf(row int) rowHeat {
	heat := rowHeat{name: h.Rows[row], highest: math.NaN()}
	sum := 0.0
	for _, v := range h.Z[row] {
		if math.IsNaN(float64(v)) {
			continue
		}
		heat.known++
		sum += float64(v)
		if h.isHot(v) {
			heat.hot++
		}
		if !(float64(v) <= heat.highest) {
			heat.highest = float64(v)
		}
	}
	heat.mean = sum / float64(heat.known)
	return heat
}

// Table implements report.Block. It has the hottest nodes: by how long they were hot, then by how hot.
func (h HeatMap) Table() report.Table {
	heats := make([]rowHeat, len(h.Rows))
	for i := range h.Rows {
		heats[i] = h.heatOf(i)
	}
	slices.SortStableFunc(heats, func(a, b rowHeat) int {
		return cmp.Or(cmp.Compare(b.hot, a.hot), cmp.Compare(b.highest, a.highest))
	})
	t := report.Table{
		Caption: captioned(h.Title, fmt.Sprintf("the hottest of %s nodes", count(len(h.Rows)))),
		Columns: []report.Column{{Name: "node"}, numeric("highest", "%"), numeric("mean", "%"),
			numeric("above "+percent(h.Hot), "% of moments"), numeric("no data", "% of moments")},
	}
	for _, heat := range heats[:min(len(heats), hottestRows)] {
		moments := float64(len(h.X))
		t.Rows = append(t.Rows, []string{heat.name, number(100*heat.highest, 0), number(100*heat.mean, 0),
			number(100*float64(heat.hot)/moments, 1), number(100*(1-float64(heat.known)/moments), 1)})
	}
	return t
}
