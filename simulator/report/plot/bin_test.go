package plot

import (
	"math"
	"math/rand/v2"
	"testing"
)

// slowCell is the highest of all values that fall into a cell, found by asking each of them.
func slowCell(g grid, x []float64, z [][]float32, row, column int) float32 {
	cell := float32(math.NaN())
	width := (g.end - g.start) / float64(g.columns)
	left, right := g.start+float64(column)*width, g.start+float64(column+1)*width
	for i, values := range z {
		if i/g.perRow != row {
			continue
		}
		for j, v := range values {
			until := g.end
			if j+1 < len(x) {
				until = x[j+1]
			}
			overlaps := x[j] < right-1e-6*width && until > left+1e-6*width
			if overlaps && (math.IsNaN(float64(cell)) || v > cell) {
				cell = v
			}
		}
	}
	return cell
}

func same(a, b float32) bool { return a == b || a != a && b != b }

// randomHeat has moments at odd times, gaps, and values of which many are alike.
func randomHeat(random *rand.Rand, rows, moments int) (x []float64, z [][]float32) {
	at := 100 * random.Float64()
	for range moments {
		x = append(x, at)
		at += 0.01 + random.Float64()*random.Float64()
	}
	for range rows {
		row := make([]float32, moments)
		for j := range row {
			row[j] = float32(random.IntN(20)) / 10
			if random.IntN(4) == 0 {
				row[j] = float32(nan)
			}
		}
		z = append(z, row)
	}
	return x, z
}

func TestCellsAgreeWithTheSlowWay(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		x, z := randomHeat(random, 1+random.IntN(30), 1+random.IntN(40))
		maxRows, maxColumns := 1+random.IntN(12), 1+random.IntN(60)
		g := bin(x, z, maxRows, maxColumns)
		if g.rows > maxRows || g.columns > maxColumns || g.rows < 1 || g.columns < 1 || len(g.cells) != g.rows*g.columns {
			t.Fatalf("%d by %d cells of at most %d by %d, %d in all", g.rows, g.columns, maxRows, maxColumns, len(g.cells))
		}
		for row := range g.rows {
			for column := range g.columns {
				got, want := g.cells[row*g.columns+column], slowCell(g, x, z, row, column)
				if !same(got, want) {
					t.Fatalf("cell %d, %d of %d by %d over %d by %d values: %v, want %v",
						row, column, g.rows, g.columns, len(z), len(x), got, want)
				}
			}
		}
	}
}

// What is hot for a moment on one node is hot on the page, however many others there are.
func TestNoCellHidesAHotNode(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		rows, moments := 1+random.IntN(1000), 1+random.IntN(1000)
		x, z := make([]float64, moments), make([][]float32, rows)
		for j := range x {
			x[j] = float64(j) / 60
		}
		for i := range z {
			z[i] = make([]float32, moments)
		}
		row, moment := random.IntN(rows), random.IntN(moments)
		z[row][moment] = 1
		g := bin(x, z, maxCellRows, maxCellColumns)
		hot := 0
		for i, v := range g.cells {
			if v == 1 {
				hot++
				if i/g.columns != row/g.perRow {
					t.Errorf("row %d of %d is hot in row %d of cells", row, rows, i/g.columns)
				}
			}
		}
		if hot < 1 || hot > 2 {
			t.Errorf("%d cells are hot for one value of %d by %d", hot, rows, moments)
		}
	}
}

func TestHigherValuesNeverLowerACell(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		x, z := randomHeat(random, 20, 30)
		before := bin(x, z, 7, 11)
		row, moment := random.IntN(20), random.IntN(30)
		z[row][moment] = max(z[row][moment], 0) + float32(random.IntN(20))/10
		after := bin(x, z, 7, 11)
		for i := range before.cells {
			if after.cells[i] < before.cells[i] || after.cells[i] != after.cells[i] && before.cells[i] == before.cells[i] {
				t.Fatalf("cell %d fell from %v to %v", i, before.cells[i], after.cells[i])
			}
		}
	}
}

func TestSmallHeatMapsAreShownAsTheyAre(t *testing.T) {
	x := []float64{10, 10.5, 11, 11.5}
	z := [][]float32{{1, 2, 3, 4}, {5, 6, float32(nan), 8}}
	g := bin(x, z, maxCellRows, maxCellColumns)
	if g.rows != 2 || g.columns != 4 || g.perRow != 1 || g.start != 10 || g.end != 12 {
		t.Errorf("got %+v", g)
	}
	for i, v := range []float32{1, 2, 3, 4, 5, 6, float32(nan), 8} {
		if !same(g.cells[i], v) {
			t.Errorf("cell %d: %v, want %v", i, g.cells[i], v)
		}
	}
}

func TestMomentsLastUntilTheNext(t *testing.T) {
	for name, test := range map[string]struct {
		x    []float64
		want []float32 // of values 1, 2, 3 and so on
		end  float64
	}{
		"one moment lasts an hour":     {[]float64{5}, []float32{1}, 6},
		"even":                         {[]float64{0, 1, 2}, []float32{1, 2, 3}, 3},
		"tenths, which are not exact":  {[]float64{0.1, 0.2, 0.3, 0.4}, []float32{1, 2, 3, 4}, 0.5},
		"a pause":                      {[]float64{0, 1, 4, 5}, []float32{1, 2, 2, 2, 3, 4}, 6},
		"a long last moment":           {[]float64{0, 1, 4}, []float32{1, 2, 2, 2, 3, 3, 3}, 7},
		"a cell of two takes the most": {[]float64{0, 1, 2.5, 4}, []float32{1, 2, 3, 3, 4, 4}, 5.5},
	} {
		t.Run(name, func(t *testing.T) {
			row := make([]float32, len(test.x))
			for i := range row {
				row[i] = float32(i + 1)
			}
			g := bin(test.x, [][]float32{row}, 10, 100)
			if math.Abs(g.end-test.end) > 1e-9 || len(g.cells) != len(test.want) {
				t.Fatalf("%d cells to %v: %v", len(g.cells), g.end, g.cells)
			}
			for i, want := range test.want {
				if g.cells[i] != want {
					t.Errorf("got %v, want %v", g.cells, test.want)
					break
				}
			}
		})
	}
}

func BenchmarkBin(b *testing.B) {
	x, z := randomHeat(rand.New(rand.NewPCG(9, 10)), 5000, 2000)
	b.ReportAllocs()
	for b.Loop() {
		bin(x, z, maxCellRows, maxCellColumns)
	}
}
