package plot

import "math"

// grid is a heat map made small enough to show.
type grid struct {
	rows, columns int
	perRow        int       // nodes in a row of cells
	start, end    float64   // hours
	cells         []float32 // row by row; NaN where nothing is known
}

// bin shares the nodes and the time between at most so many cells. A cell is the
// highest of all the values that fall into it, even for a part of its time: no
// value is ever higher than the cells that it fell into.
func bin(x []float64, z [][]float32, maxRows, maxColumns int) grid {
	g := grid{perRow: (len(z) + maxRows - 1) / maxRows, start: x[0], end: x[len(x)-1] + lastStep(x)}
	g.rows = (len(z) + g.perRow - 1) / g.perRow
	g.columns = int(math.Round(min((g.end-g.start)/shortestStep(x), float64(maxColumns))))
	g.cells = make([]float32, g.rows*g.columns)
	for i := range g.cells {
		g.cells[i] = float32(math.NaN())
	}
	spans := g.spans(x)
	for i, values := range z {
		row := g.cells[i/g.perRow*g.columns:][:g.columns]
		for j, v := range values {
			raise(row[spans[j].first:spans[j].past], v)
		}
	}
	return g
}

// raise lifts the cells to v. One that nothing is known of takes any v, and a v
// that is not known lifts none.
func raise(cells []float32, v float32) {
	for i, cell := range cells {
		if v > cell || cell != cell {
			cells[i] = v
		}
	}
}

// span is the cells of a moment.
type span struct{ first, past int }

func (g grid) spans(x []float64) []span {
	// A moment that ends where a cell does must not reach into the next one by an error of rounding.
	const slack = 1e-6
	perHour := float64(g.columns) / (g.end - g.start)
	spans := make([]span, len(x))
	for i := range x {
		until := g.end
		if i+1 < len(x) {
			until = x[i+1]
		}
		first := min(int((x[i]-g.start)*perHour+slack), g.columns-1)
		past := int(math.Ceil((until-g.start)*perHour - slack))
		spans[i] = span{first, min(max(past, first+1), g.columns)}
	}
	return spans
}

// lastStep is how long the last moment lasts: as long as the one before, an hour if it is alone.
func lastStep(x []float64) float64 {
	if len(x) < 2 {
		return 1
	}
	return x[len(x)-1] - x[len(x)-2]
}

func shortestStep(x []float64) float64 {
	shortest := lastStep(x)
	for i := 1; i < len(x); i++ {
		shortest = min(shortest, x[i]-x[i-1])
	}
	return shortest
}
