package plot

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/evenkeel/evenkeel/simulator/report/terminal"
)

// drawingWidth is in the drawing's own units; the page shows it at one to one and a half pixels a unit.
const drawingWidth = 720

// axes is an empty plot in the page's inks.
func axes(xLabel, yLabel string) *gonum.Plot {
	p := gonum.New()
	p.BackgroundColor = nil
	for _, axis := range []*gonum.Axis{&p.X, &p.Y} {
		axis.LineStyle = axisInk.line(0.6)
		axis.Padding = 0
		axis.Label.Padding = 4
		axis.Label.TextStyle = lettering(axis.Label.TextStyle, 9.5)
		axis.Tick.Label = lettering(axis.Tick.Label, 8.5)
		axis.Tick.LineStyle = axisInk.line(0.6)
		axis.Tick.Length = 3
		axis.Tick.Marker = roundTicks{}
	}
	p.X.Label.Text, p.Y.Label.Text = terminal.Printable(xLabel), terminal.Printable(yLabel)
	return p
}

func lettering(style text.Style, size font.Length) text.Style {
	style.Color = textInk.color()
	style.Font.Variant = "Sans"
	style.Font.Size = size
	return style
}

func gridLines(vertical, horizontal bool) *plotter.Grid {
	grid := &plotter.Grid{}
	if vertical {
		grid.Vertical = gridInk.line(0.5)
	}
	if horizontal {
		grid.Horizontal = gridInk.line(0.5)
	}
	return grid
}

// svg draws p as an element of the page. label is what a screen reader says in its place.
func svg(p *gonum.Plot, height vg.Length, label string) (template.HTML, error) {
	canvas := vgsvg.New(drawingWidth, height)
	// The margin keeps the last tick's label, which is centred on the end of the axis, inside.
	p.Draw(draw.Crop(draw.New(canvas), 0, -14, 2, -6))
	var drawn bytes.Buffer
	if _, err := canvas.WriteTo(&drawn); err != nil {
		return "", fmt.Errorf("drawing %q: %w", label, err)
	}
	// Everything up to the root element is for a file of its own.
	_, root, _ := strings.Cut(drawn.String(), "<svg")
	_, body, _ := strings.Cut(root, ">")
	head := fmt.Sprintf(`<svg viewBox="0 0 %d %.0f" role="img" aria-label="%s">`, drawingWidth, height, template.HTMLEscapeString(label))
	//nolint:gosec // vgsvg escapes the text that it draws, and the label is escaped above
	return template.HTML(head + inked(body)), nil
}
