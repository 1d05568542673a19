// Package plot has the plots of a report: curves, bars and heat maps. Each
// checks its data, draws itself in the page's colours and reads as a table.
package plot

import (
	"fmt"
	"slices"
	"strings"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/terminal"
)

var (
	_ report.Block = Lines{}
	_ report.Block = Bars{}
	_ report.Block = HeatMap{}
)

// drawn adds the drawing to a figure; where there is nothing to draw p is nil, and the figure says so.
func drawn(f report.Figure, p *gonum.Plot, height vg.Length, label string) (report.Figure, error) {
	if p == nil {
		f.Note = "There is nothing to draw."
		return f, nil
	}
	var err error
	f.Drawing, err = svg(p, height, label)
	return f, err
}

// captioned joins what there is of a title and of what it is measured in.
func captioned(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}

// shortened keeps a long name from taking the room of the plot; the table has it whole.
// It takes from the middle: nodes of a pool differ at the end.
func shortened(name string) string {
	const most = 28
	runes := []rune(terminal.Printable(name))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most/2]) + "…" + string(runes[len(runes)-most/2+1:])
}

// numeric is a column of numbers.
func numeric(name, unit string) report.Column {
	return report.Column{Name: name, Unit: unit, Align: report.Right}
}

// swatch is the legend's entry of a series: a box, or a stroke in its dashes.
func swatch(i int, name string, line bool) report.Key {
	key := report.Key{Name: name, Class: fmt.Sprintf("s%d", i%seriesInks), Line: line}
	if line {
		key.Dash = dashArray(seriesDash(i))
	}
	return key
}

func dashArray(dashes []vg.Length) string {
	var lengths []string
	for _, length := range dashes {
		lengths = append(lengths, fmt.Sprintf("%g", length.Points()))
	}
	return strings.Join(lengths, " ")
}
