package report_test

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"testing"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
)

// everything is a document with each kind of block, full and empty, and this name wherever a name goes.
func everything(name string) *report.Document {
	nan := math.NaN()
	lines := plot.Lines{
		Title: name, XLabel: name, YLabel: name, Band: name,
		References: []plot.Reference{{Name: name, Slope: 1}},
	}
	bars := plot.Bars{Title: name, Label: name, Groups: []string{name, "b"}}
	for i := range 9 {
		y := float64(i)
		lines.Series = append(lines.Series, plot.Series{
			Name: name, X: []float64{0, 1, 2, 3}, Y: []float64{y, nan, y + 2, y + 3},
			Low: []float64{y, 0, y, y}, High: []float64{y, 0, y + 3, y + 4},
		})
		bars.Series = append(bars.Series, plot.BarSeries{Name: name, Values: []float64{nan, y - 3}})
	}
	heat := plot.HeatMap{Title: name, Hot: 0.8, Rows: []string{name, name}, X: []float64{0, 1},
		Z: [][]float32{{float32(nan), 1}, {0.1, 0.9}}}
	table := report.Table{
		Caption: name, Columns: []report.Column{{Name: name, Unit: name}, {Name: name, Unit: name, Align: report.Right}},
		Rows: [][]string{{name, name}, {name}}, Highlight: []int{1},
	}
	return &report.Document{
		Title: name, Summary: name + "\n\n" + name, Facts: []report.Fact{{Label: name, Value: name}},
		Sections: []report.Section{
			{Title: name, Text: name, Blocks: []report.Block{table, lines, bars, heat}},
			{Title: "empty", Blocks: []report.Block{report.Table{}, plot.Lines{}, plot.Bars{}, plot.HeatMap{Hot: 1}}},
		},
	}
}

func pageOf(t *testing.T, d *report.Document) string {
	t.Helper()
	var page bytes.Buffer
	if err := d.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func textOf(t *testing.T, d *report.Document) string {
	t.Helper()
	var text bytes.Buffer
	if err := d.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// holding is a document of these blocks alone.
func holding(blocks ...report.Block) *report.Document {
	return &report.Document{Title: "title", Sections: []report.Section{{Title: "section", Blocks: blocks}}}
}

// stub is a block that does as it is told.
type stub struct {
	checking, drawing error
	note              string
	drawn             template.HTML
	drawings          *int
}

func (s stub) Check() error { return s.checking }

func (s stub) Figure() (report.Figure, error) {
	if s.drawings != nil {
		*s.drawings++
	}
	return report.Figure{Title: "stub", Note: s.note, Drawing: s.drawn}, s.drawing
}

func (s stub) Table() report.Table {
	return report.Table{Caption: "stub", Columns: []report.Column{{Name: "n"}}, Rows: [][]string{{fmt.Sprint(len(s.note))}}}
}

// fullWriter takes so many bytes, and no more.
type fullWriter struct{ left int }

func (w *fullWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, errFull
	}
	w.left -= len(p)
	return len(p), nil
}
