package plot

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/color"
	"image/png"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/simulator/report"
)

func TestHeatMapCheck(t *testing.T) {
	const limit, order = `reading heat map "t": hot above %v, which is no positive number`, `reading heat map "t": moment %d is not after the one before`
	row := func(values ...float32) [][]float32 { return [][]float32{values} }
	for name, test := range map[string]struct {
		heat HeatMap
		want string
	}{
		"nothing":             {HeatMap{Hot: 1}, ""},
		"nodes, no moments":   {HeatMap{Hot: 1, Rows: []string{"a"}, Z: row()}, ""},
		"moments, no nodes":   {HeatMap{Hot: 1, X: []float64{1, 2}}, ""},
		"unknown values":      {HeatMap{Hot: 1, Rows: []string{"a"}, X: []float64{1}, Z: row(float32(nan))}, ""},
		"no limit":            {HeatMap{}, fmt.Sprintf(limit, 0)},
		"a negative limit":    {HeatMap{Hot: -1}, fmt.Sprintf(limit, -1)},
		"an unknown limit":    {HeatMap{Hot: nan}, fmt.Sprintf(limit, nan)},
		"an endless limit":    {HeatMap{Hot: inf}, fmt.Sprintf(limit, inf)},
		"a row short":         {HeatMap{Hot: 1, Rows: []string{"a"}}, `reading heat map "t": 0 rows of values for 1 names`},
		"a value short":       {HeatMap{Hot: 1, Rows: []string{"a"}, X: []float64{1}, Z: row()}, `reading heat map "t": 0 values of "a" for 1 moments`},
		"a moment twice":      {HeatMap{Hot: 1, X: []float64{1, 2, 2}}, fmt.Sprintf(order, 2)},
		"backwards":           {HeatMap{Hot: 1, X: []float64{2, 1}}, fmt.Sprintf(order, 1)},
		"a moment at no time": {HeatMap{Hot: 1, X: []float64{nan, 1}}, fmt.Sprintf(order, 0)},
		"a moment never":      {HeatMap{Hot: 1, X: []float64{0, inf}}, fmt.Sprintf(order, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			test.heat.Title = "t"
			refuses(t, test.heat, test.want)
		})
	}
}

func TestNumbersOfAHeatMap(t *testing.T) {
	unknown := float32(nan)
	heat := HeatMap{Title: "CPU", Hot: 0.8, X: []float64{0, 1, 2, 3},
		Rows: []string{"cool", "hot once", "hot twice", "hotter once", "unknown", "half known"},
		Z: [][]float32{{0.1, 0.2, 0.3, 0.8}, {0, 0, 0, 0.9}, {0.81, 0.81, 0, 0}, {1.2, 0, 0, 0},
			{unknown, unknown, unknown, unknown}, {0.5, unknown, 0.7, unknown}}}
	want := report.Table{
		Caption: "CPU: the hottest of 6 nodes",
		Columns: []report.Column{{Name: "node"}, {Name: "highest", Unit: "%", Align: report.Right}, {Name: "mean", Unit: "%", Align: report.Right},
			{Name: "above 80 %", Unit: "% of moments", Align: report.Right}, {Name: "no data", Unit: "% of moments", Align: report.Right}},
		Rows: [][]string{
			{"hot twice", "81", "41", "50.0", "0.0"},
			{"hotter once", "120", "30", "25.0", "0.0"},
			{"hot once", "90", "22", "25.0", "0.0"},
			{"cool", "80", "35", "0.0", "0.0"},
			{"half known", "70", "60", "0.0", "50.0"},
			{"unknown", "–", "–", "0.0", "100.0"},
		},
	}
	if diff := cmp.Diff(want, heat.Table()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, figureOf(t, heat).Numbers); diff != "" {
		t.Error(diff)
	}
}

// level is a heat map with the same value everywhere.
func level(rows, moments int, value float32) HeatMap {
	h := HeatMap{Title: "t", Hot: 0.8}
	for j := range moments {
		h.X = append(h.X, float64(j)/12)
	}
	for i := range rows {
		h.Rows = append(h.Rows, fmt.Sprintf("node-%d", i))
		h.Z = append(h.Z, slices.Repeat([]float32{value}, moments))
	}
	return h
}

func TestTableHasTheHottestTen(t *testing.T) {
	h := level(50, 2, 0.5)
	for i := range 50 {
		h.Z[i][1] = float32(i) / 100
	}
	rows := h.Table().Rows
	if len(rows) != 10 || rows[0][0] != "node-0" && rows[0][0] != "node-49" {
		t.Errorf("%d rows, the first is %q", len(rows), rows[0])
	}
}

func TestNoteOfAHeatMap(t *testing.T) {
	hot := level(1200, 2016, 0.5)
	for i := range 3 {
		hot.Z[i*100][i] = 0.9
	}
	for name, test := range map[string]struct {
		heat HeatMap
		want string
	}{
		"shown as it is": {level(12, 288, 0.5), "12 nodes over 288 moments; 0 hot at some time."},
		"all hot":        {level(3, 2, 0.9), "3 nodes over 2 moments; 3 hot at some time."},
		"rows shared": {level(201, 10, 0.1), "201 nodes over 10 moments; 0 hot at some time. " +
			"Each cell shows the highest value of about 2 nodes by 1 moments: no average hides a hot node."},
		"both shared": {hot, "1,200 nodes over 2,016 moments; 3 hot at some time. " +
			"Each cell shows the highest value of about 6 nodes by 4 moments: no average hides a hot node."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := figureOf(t, test.heat).Note; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	for name, heat := range map[string]HeatMap{"no nodes": level(0, 5, 1), "no moments": level(5, 0, 1)} {
		if figure := figureOf(t, heat); figure.Note != "There is nothing to draw." || figure.Drawing != "" {
			t.Errorf("%s: note %q", name, figure.Note)
		}
	}
}

// pictureOf decodes the picture in a drawing.
func pictureOf(t *testing.T, figure report.Figure) (colors [][]color.Color) {
	t.Helper()
	found := regexp.MustCompile(`href="data:image/png;base64,([^"]*)"`).FindStringSubmatch(string(figure.Drawing))
	if found == nil {
		t.Fatal("there is no picture in the drawing")
	}
	raw, err := base64.StdEncoding.DecodeString(found[1])
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for y := range picture.Bounds().Dy() {
		var row []color.Color
		for x := range picture.Bounds().Dx() {
			row = append(row, color.RGBAModel.Convert(picture.At(x, y)))
		}
		colors = append(colors, row)
	}
	return colors
}

func TestPictureHasAPixelACell(t *testing.T) {
	h := HeatMap{Hot: 0.8, Rows: []string{"a", "b"}, X: []float64{0, 1, 2}, Z: [][]float32{{0, 0.4, 0.8}, {float32(nan), 1.2, 99}}}
	got := pictureOf(t, figureOf(t, h))
	cool, hot := coolStops[len(coolStops)-1], hotStops[len(hotStops)-1]
	for _, test := range []struct {
		row, column int
		want        color.RGBA
	}{{0, 0, coolStops[0]}, {0, 2, cool}, {1, 0, unknownColor}, {1, 1, hot}, {1, 2, hot}} {
		if got[test.row][test.column] != test.want {
			t.Errorf("row %d, moment %d is %v, want %v", test.row, test.column, got[test.row][test.column], test.want)
		}
	}
	if len(got) != 2 || len(got[0]) != 3 {
		t.Errorf("%d by %d pixels", len(got), len(got[0]))
	}
}

// Each row of cells has a pixel of its own where the page shows a unit of the drawing as a pixel.
func TestNoRowOfCellsIsTooThinToSee(t *testing.T) {
	height := regexp.MustCompile(`<image [^>]*height="([0-9.]+)"`)
	for _, rows := range []int{1, 5, 33, 199, 200, 201, 399, 1000, 5000} {
		figure := figureOf(t, level(rows, 3, 0.1))
		found := height.FindStringSubmatch(string(figure.Drawing))
		if found == nil {
			t.Fatal("there is no picture in the drawing")
		}
		var units float64
		if _, err := fmt.Sscan(found[1], &units); err != nil {
			t.Fatal(err)
		}
		if cells := len(pictureOf(t, figure)); units < float64(cells) || cells > maxCellRows {
			t.Errorf("%d nodes: %d rows of cells in %v units", rows, cells, units)
		}
	}
}

func TestPageOfAHugeHeatMapStaysSmall(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	h := level(2000, 3000, 0)
	for _, row := range h.Z {
		for j := range row {
			row[j] = random.Float32()
		}
	}
	if size := len(figureOf(t, h).Drawing); size > 1<<20 {
		t.Errorf("the drawing has %d bytes", size)
	}
}

func TestNamesOfRows(t *testing.T) {
	few := level(3, 1, 0)
	few.Rows[1] = strings.Repeat("long ", 20)
	ticks := few.rowTicks()
	if len(ticks) != 3 || ticks[0].Label != "node-0" || ticks[0].Value != 2.5 || ticks[2].Value != 0.5 || len(ticks[1].Label) > 40 {
		t.Errorf("got %v", ticks)
	}
	many := level(1000, 1, 0).rowTicks()
	if first, last := many[0], many[len(many)-1]; first.Label != "0" || first.Value != 1000 || last.Label != "1,000" || last.Value != 0 || len(many) > 12 {
		t.Errorf("got %v", many)
	}
}

func TestLegendOfAHeatMap(t *testing.T) {
	keys := level(1, 1, 0).legend()
	var names []string
	for _, key := range keys {
		names = append(names, key.Name)
	}
	if diff := cmp.Diff([]string{"0 to 80 %", "hot: above 80 %, to 120 % and more", "no data"}, names); diff != "" {
		t.Error(diff)
	}
	if cool, unknown := keys[0].Shades, keys[2].Shades; len(cool) < 10 || cool[0] == cool[1] || len(unknown) != 2 || unknown[0] != "#9a9a9a" {
		t.Errorf("shades %v and %v", cool, unknown)
	}
}
