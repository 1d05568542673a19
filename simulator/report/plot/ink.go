package plot

import (
	"fmt"
	"image/color"
	"regexp"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ink is what a stroke means. Its colour is the page's to choose, because only the reader's browser
// knows whether it shows light or dark: a plot is drawn in stand-ins, which inked turns into the page's
// variables.
type ink uint8

const (
	textInk ink = iota
	axisInk
	gridInk
	firstSeriesInk
)

// seriesInks is how many colours the page has for series (--s0 and so on in page.gohtml).
const seriesInks = 8

// dashes and seriesInks have no common divisor, so that forty series differ in one or the other.
var dashes = [...][]vg.Length{nil, {7, 3}, {2, 2}, {8, 3, 2, 3}, {12, 4}}

var (
	tags     = regexp.MustCompile(`<[^>]*>`)
	standIns = strings.NewReplacer(append(variables(),
		// A cell fills its place on the axes, whatever shape that gives it.
		"<image ", `<image preserveAspectRatio="none" `, "xlink:href", "href", "data:image/jpg;", "data:image/png;")...)
)

func seriesInk(i int) ink { return firstSeriesInk + ink(i%seriesInks) }

// bandInk is a series' own colour, thinned.
func bandInk(i int) ink { return seriesInk(i) + seriesInks }

func seriesDash(i int) []vg.Length { return dashes[i%len(dashes)] }

// color is a stand-in that nothing else is drawn in.
func (i ink) color() color.Color { return color.RGBA{R: 0xFE, G: 0xED, B: uint8(i), A: 0xFF} }

func (i ink) line(width vg.Length, dashes ...vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: i.color(), Width: width, Dashes: dashes}
}

// inked names the stand-ins of a drawing. It looks inside tags only: between them are names, which
// may contain whatever they like.
func inked(svg string) string {
	return tags.ReplaceAllStringFunc(svg, standIns.Replace)
}

// variables pairs each stand-in with what replaces it.
func variables() []string {
	pairs := []string{hex(textInk), "var(--text)", hex(axisInk), "var(--axis)", hex(gridInk), "var(--grid)"}
	for i := range seriesInks {
		pairs = append(pairs,
			hex(seriesInk(i)), fmt.Sprintf("var(--s%d)", i),
			hex(bandInk(i)), fmt.Sprintf("var(--s%d);fill-opacity:.16", i))
	}
	return pairs
}

func hex(i ink) string {
	r, g, b, _ := i.color().RGBA()
	return fmt.Sprintf("#%02X%02X%02X", r>>8, g>>8, b>>8)
}
