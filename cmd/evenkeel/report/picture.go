package report

import (
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// NewPlot is an empty plot with a title, fit to be a row of a picture.
func NewPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Variant = "Sans"
	p.Title.TextStyle.Font.Size = font.Length(11)
	p.X.Label.Text = "minutes of trace"
	return p
}

// Pictures draws a plot of each contender, in their order.
func Pictures(w io.Writer, format string, names []string, draw func(name string) (*plot.Plot, error)) error {
	plots := make([]*plot.Plot, 0, len(names))
	for _, name := range names {
		p, err := draw(name)
		if err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		plots = append(plots, p)
	}
	return Picture(w, format, plots)
}

// Picture draws plots below each other, their axes aligned. format is "png" or "svg".
func Picture(w io.Writer, format string, plots []*plot.Plot) error {
	const width, rowHeight = 9 * vg.Inch, 2.1 * vg.Inch
	height := rowHeight*vg.Length(len(plots)) + 0.2*vg.Inch
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
	rows := make([][]*plot.Plot, len(plots))
	for i, p := range plots {
		rows[i] = []*plot.Plot{p}
	}
	tiles := draw.Tiles{Rows: len(rows), Cols: 1, PadTop: 4, PadBottom: 4, PadLeft: 4, PadRight: 12, PadY: 8}
	for i, place := range plot.Align(rows, tiles, draw.New(canvas)) {
		rows[i][0].Draw(place[0])
	}
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

// PictureFormat is the format that a file's name asks for.
func PictureFormat(file string) string {
	return strings.ToLower(strings.TrimPrefix(filepath.Ext(file), "."))
}
